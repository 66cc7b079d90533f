/** Frames that break a rule or a limit: the RFC's close code, the end of TCP, and a server that goes on. */
import { describe, expect, it } from "vitest";
import type { AdapterUnderTest } from "../adapter-under-test.ts";
import { hex } from "../hex.ts";
import { rawClose, rawFrame, rawText } from "../raw-frame.ts";
import { echo, serve, socket } from "./served.ts";

const READ_LIMIT = 1_024;

/** What is sent, and the close codes that may answer it. */
type Hostile = readonly [what: string, bytes: Uint8Array, codes: readonly number[]];

const PROTOCOL_ERRORS: readonly Hostile[] = [
  ["an unmasked frame (§5.1)", hex("81 02 6869"), [1002]],
  ["RSV1 without an extension (§5.2)", rawFrame({ opcode: 1, payload: "hi", rsv: 4 }), [1002]],
  ["RSV2 (§5.2)", rawFrame({ opcode: 1, payload: "hi", rsv: 2 }), [1002]],
  ["RSV3 (§5.2)", rawFrame({ opcode: 1, payload: "hi", rsv: 1 }), [1002]],
  ["a reserved opcode (§5.2)", rawFrame({ opcode: 3 }), [1002]],
  ["a reserved control opcode (§5.2)", rawFrame({ opcode: 0xb }), [1002]],
  [
    "a length that is not minimal (§5.2)",
    rawFrame({ opcode: 1, payload: "hello", lengthBytes: 2 }),
    [1002],
  ],
  [
    "a length with its top bit set (§5.2)",
    rawFrame({ opcode: 2, declaredLength: 2n ** 63n }),
    [1002, 1009],
  ],
  ["a continuation of nothing (§5.4)", rawFrame({ opcode: 0, payload: "a" }), [1002]],
  [
    "a message inside a fragmented one (§5.4)",
    Buffer.concat([rawFrame({ opcode: 1, payload: "a", fin: false }), rawText("b")]),
    [1002],
  ],
  ["a fragmented ping (§5.5)", rawFrame({ opcode: 9, fin: false }), [1002]],
  ["a ping of 126 bytes (§5.5)", rawFrame({ opcode: 9, payload: "p".repeat(126) }), [1002]],
  ["a close payload of 1 byte (§5.5.1)", rawFrame({ opcode: 8, payload: "x" }), [1002]],
  ...[0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000].map((code): Hostile => [
    `the close code ${code} (§7.4)`,
    rawClose(code),
    [1002],
  ]),
];

const BAD_DATA: readonly Hostile[] = [
  ["a message one byte over the limit", hexOversize(READ_LIMIT + 1), [1009]],
  ["a length of 2^53", rawFrame({ opcode: 2, declaredLength: 2n ** 53n }), [1009]],
  [
    "fragments one byte over the limit",
    Buffer.concat([
      rawFrame({ opcode: 2, payload: Buffer.alloc(READ_LIMIT), fin: false }),
      rawFrame({ opcode: 0, payload: "x" }),
    ]),
    [1009],
  ],
  ["text that is not UTF-8 (§8.1)", rawFrame({ opcode: 1, payload: hex("c328") }), [1007]],
  [
    "text that ends inside a character (§8.1)",
    rawFrame({ opcode: 1, payload: hex("e282") }),
    [1007],
  ],
  [
    "a reason that is not UTF-8 (§5.5.1)",
    rawFrame({ opcode: 8, payload: hex("03e8 c328") }),
    [1007],
  ],
];

/** The header alone: the limit is checked before the payload is there. */
function hexOversize(length: number): Buffer {
  return rawFrame({ opcode: 2, declaredLength: length });
}

const GOOD_CLOSE_CODES = [1000, 1001, 1002, 1003, 1007, 1011, 1014, 3000, 4999];

export function hostileFrameBehaviour(adapter: AdapterUnderTest): void {
  const route = socket("/echo", echo, { options: { readLimit: READ_LIMIT, closeTimeout: 200 } });

  describe("a frame against the rules", () => {
    it.each([...PROTOCOL_ERRORS, ...BAD_DATA])("%s", async (_what, bytes, codes) => {
      const served = await serve(adapter, { routes: [route] });
      const peer = await served.rawSocket("/echo");
      peer.send(rawText("fine"));
      expect((await peer.readFrame()).payload.toString()).toBe("fine");
      peer.send(bytes);
      expect(codes).toContain((await peer.readClose()).code);
      peer.end();
      await peer.ended();
      expect(await served.errorsSoFar()).toEqual([]);
    });

    it("a message of exactly the limit is none", async () => {
      const served = await serve(adapter, { routes: [route] });
      const peer = await served.ws("/echo");
      peer.send(Buffer.alloc(READ_LIMIT, 1));
      expect(await peer.next()).toEqual(Buffer.alloc(READ_LIMIT, 1));
    });

    it("is answered although no handler reads", async () => {
      const silent = socket("/silent", () => {}, { options: { closeTimeout: 200 } });
      const served = await serve(adapter, { routes: [silent] });
      const peer = await served.rawSocket("/silent");
      peer.send(rawFrame({ opcode: 3 }));
      expect((await peer.readClose()).code).toBe(1002);
      expect(await served.errorsSoFar()).toEqual([]);
    });

    it("by a peer that never closes TCP is dropped after the close timeout", async () => {
      const served = await serve(adapter, { routes: [route] });
      const peer = await served.rawSocket("/echo");
      peer.send(rawFrame({ opcode: 3 }));
      await peer.readClose();
      expect(await peer.ended()).not.toBe("destroyed");
    });
  });

  describe("the closing handshake", () => {
    it.each(GOOD_CLOSE_CODES)("answers a close frame with its code %i (§5.5.1)", async (code) => {
      const served = await serve(adapter, { routes: [route] });
      const peer = await served.rawSocket("/echo");
      peer.send(rawClose(code, "bye"));
      expect((await peer.readClose()).code).toBe(code);
      expect(await peer.ended()).toBe("fin");
      expect(await served.errorsSoFar()).toEqual([]);
    });

    it("answers an empty close frame and ends TCP first (§7.1.1)", async () => {
      const served = await serve(adapter, { routes: [route] });
      const peer = await served.rawSocket("/echo");
      peer.send(rawClose());
      expect((await peer.readFrame()).opcode).toBe(8);
      expect(await peer.ended()).toBe("fin");
    });
  });
}
