/** An endpoint without its socket: bytes in, events out; messages in, bytes out (RFC 6455 §5-§7). */
import { hex, rawFrame, readRawFrame, toHex } from "@longwire/testkit";
import { describe, expect, it } from "vitest";
import { Endpoint } from "../../src/endpoint/endpoint.ts";
import type { EndpointEvents } from "../../src/endpoint/endpoint.ts";
import type { Role } from "../../src/framing/frame.ts";
import { PreparedMessage } from "../../src/messages/prepared-message.ts";

class EventLog implements EndpointEvents {
  readonly events: string[] = [];
  /** Called behind every event. */
  onEvent: (event: string) => void = () => {};

  #add(event: string): void {
    this.events.push(event);
    this.onEvent(event);
  }

  onMessage(type: number, data: Buffer): void {
    this.#add(`message ${type} ${data.toString()}`);
  }

  onMessageStart(type: number): void {
    this.#add(`start ${type}`);
  }

  onMessagePiece(piece: Buffer, last: boolean): void {
    this.#add(`${last ? "end" : "piece"} ${piece.toString()}`);
  }

  onPing(payload: Buffer): void {
    this.#add(`ping ${payload.toString()}`);
  }

  onPong(payload: Buffer): void {
    this.#add(`pong ${payload.toString()}`);
  }

  onClose(code: number, reason: string): void {
    this.#add(`close ${code} ${reason}`);
  }
}

function open(role: Role, readLimit = 1_048_576): { endpoint: Endpoint; log: EventLog } {
  const log = new EventLog();
  return { endpoint: new Endpoint({ role, readLimit, events: log }), log };
}

/** What the endpoint has to send, and nothing of it is left. */
function sent(endpoint: Endpoint): Buffer {
  const bytes = Buffer.concat(endpoint.takeOutput());
  endpoint.settleOutput(true);
  return bytes;
}

describe("Endpoint, receiving", () => {
  it("tells messages, pings, pongs and the close apart, as server and as client", () => {
    for (const role of ["server", "client"] as const) {
      const { endpoint, log } = open(role);
      const frame = (opcode: number, payload: string | Uint8Array): Buffer =>
        role === "server"
          ? rawFrame({ opcode, payload })
          : rawFrame({ opcode, payload, mask: false });
      const bytes = Buffer.concat([
        frame(1, "text"),
        frame(9, "i"),
        frame(10, "o"),
        frame(2, "bin"),
        frame(8, hex("0fa1 6f6b")),
      ]);
      expect(endpoint.receive(bytes, 0)).toBe(bytes.length);
      expect(log.events).toEqual([
        "message 1 text",
        "ping i",
        "pong o",
        "message 2 bin",
        "close 4001 ok",
      ]);
    }
  });

  it.each([
    ["an empty close is 1005", "88 00", "close 1005 "],
    ["a close with a code only", "88 02 03e9", "close 1001 "],
    ["1014 is accepted", "88 02 03f6", "close 1014 "],
  ])("%s", (_title, bytes, event) => {
    const { endpoint, log } = open("client");
    endpoint.receive(hex(bytes), 0);
    expect(log.events).toEqual([event]);
    expect(endpoint.state).toBe("remote-closing");
  });

  it.each([
    ["a close payload of one byte", "88 01 03", "WS_CLOSE_PAYLOAD_INVALID", 1002],
    ["a close code that must not travel", "88 02 03ed", "WS_CLOSE_CODE_INVALID", 1002],
    ["a close reason that is not UTF-8", "88 03 03e8 ff", "WS_UTF8_INVALID", 1007],
    ["a message over the limit", "82 7e 03e9", "WS_READ_LIMIT", 1009],
    ["a frame that breaks §5.2", "f1 00", "WS_RSV_UNEXPECTED", 1002],
    ["a sequence that breaks §5.4", "80 00", "WS_CONTINUATION_UNEXPECTED", 1002],
  ])("throws on %s and is deaf from then on", (_title, bytes, code, closeCode) => {
    const { endpoint, log } = open("client", 1000);
    expect(() => endpoint.receive(hex(bytes), 0)).toThrow(
      expect.objectContaining({ name: "ProtocolError", code, closeCode }),
    );
    // "An endpoint MUST NOT continue to attempt to process data" §7.1.7
    expect(endpoint.receive(hex("81 01 61 88 00 ff ff"), 0)).toBe(7);
    expect(log.events).toEqual([]);
    expect(endpoint.state).toBe("open");
  });

  it("ignores everything behind a close frame, in the same bytes and later, even garbage", () => {
    const { endpoint, log } = open("client");
    expect(endpoint.receive(hex("88 02 03e8 81 01 61 ffff"), 0)).toBe(9);
    expect(endpoint.receive(hex("81 01 61 ff"), 0)).toBe(4);
    expect(log.events).toEqual(["close 1000 "]);
  });

  it("takes a close frame in the middle of a fragmented message", () => {
    const { endpoint, log } = open("client");
    endpoint.receive(hex("01 01 61 88 02 03e8 80 01 62"), 0);
    expect(log.events).toEqual(["close 1000 "]);
  });

  it("says how far it came when it is stopped, and goes on there", () => {
    const { endpoint, log } = open("client");
    log.onEvent = (event) => {
      if (event === "message 1 a") endpoint.stop();
    };
    const bytes = hex("81 01 61 81 01 62");
    expect(endpoint.receive(bytes, 0)).toBe(3);
    expect(log.events).toEqual(["message 1 a"]);
    expect(endpoint.receive(bytes, 3)).toBe(6);
    expect(log.events).toEqual(["message 1 a", "message 1 b"]);
  });

  it("ignores the rest when it is told to stop listening", () => {
    const { endpoint, log } = open("client");
    log.onEvent = () => endpoint.stopListening();
    expect(endpoint.receive(hex("81 01 61 81 01 62"), 0)).toBe(6);
    expect(log.events).toEqual(["message 1 a"]);
  });

  it("switches to pieces, back to messages, and to discarding", () => {
    const { endpoint, log } = open("client");
    endpoint.receive(hex("01 02 6162"), 0);
    expect(endpoint.storedBytes).toBe(2);
    endpoint.startStreaming();
    endpoint.stopStreaming();
    endpoint.receive(hex("80 01 63 81 01 64"), 0);
    endpoint.discardData();
    endpoint.receive(hex("81 01 65 89 00"), 0);
    expect(log.events).toEqual(["start 1", "piece ab", "end c", "message 1 d", "ping "]);
  });

  it("holds a read limit that is set later", () => {
    const { endpoint } = open("client");
    endpoint.readLimit = 1;
    expect(() => endpoint.receive(hex("81 02 6162"), 0)).toThrow(
      expect.objectContaining({ code: "WS_READ_LIMIT" }),
    );
  });
});

describe("Endpoint, sending", () => {
  it("a server does not mask", () => {
    const { endpoint } = open("server");
    endpoint.sendMessage(1, "hi", true);
    endpoint.sendFragment(2, hex("01"), false, false);
    endpoint.sendControl(9, hex("02"));
    endpoint.sendFragment(0, hex("03"), true, false);
    endpoint.sendClose(1000, "ok");
    expect(toHex(sent(endpoint))).toBe("81 02 68 69 02 01 01 89 01 02 80 01 03 88 04 03 e8 6f 6b");
  });

  it("a client masks every frame, with fresh keys from crypto", () => {
    const { endpoint } = open("client");
    const keys = new Set<string>();
    for (let count = 0; count < 100; count++) {
      endpoint.sendMessage(1, "hello", false);
      const bytes = sent(endpoint);
      expect(readRawFrame(bytes)?.frame).toMatchObject({ masked: true });
      expect(readRawFrame(bytes)?.frame.payload.toString()).toBe("hello");
      keys.add(toHex(bytes.subarray(2, 6)));
    }
    // 100 keys of 32 bits: two alike once in a million runs; a source that repeats would give far fewer.
    expect(keys.size).toBeGreaterThan(97);
  });

  it("a client masks its close frame and prepared messages too", () => {
    const { endpoint } = open("client");
    const prepared = new PreparedMessage(1, "again");
    endpoint.sendPrepared(prepared);
    const first = sent(endpoint);
    endpoint.sendPrepared(prepared);
    const second = sent(endpoint);
    expect(readRawFrame(first)?.frame.payload.toString()).toBe("again");
    expect(readRawFrame(second)?.frame.payload.toString()).toBe("again");
    expect(first.equals(second)).toBe(false);
    expect(prepared.payload.toString()).toBe("again");
    endpoint.sendClose(1000, "");
    expect(readRawFrame(sent(endpoint))?.frame).toMatchObject({ opcode: 8, masked: true });
  });

  it("servers share the bytes of a prepared message", () => {
    const prepared = new PreparedMessage(2, hex("0102"));
    for (let count = 0; count < 2; count++) {
      const { endpoint } = open("server");
      endpoint.sendPrepared(prepared);
      expect(endpoint.takeOutput()[0]).toBe(prepared.serverFrame);
      endpoint.settleOutput(true);
    }
  });

  it("refuses close codes and reasons that must not be sent, and sends nothing", () => {
    const { endpoint } = open("server");
    expect(() => endpoint.sendClose(1006, "")).toThrow(RangeError);
    expect(() => endpoint.sendClose(1000, "x".repeat(124))).toThrow(RangeError);
    expect(endpoint.outputBytes).toBe(0);
    expect(endpoint.state).toBe("open");
  });

  it("sends an empty close for 1005", () => {
    const { endpoint } = open("server");
    endpoint.sendClose(1005, "");
    expect(toHex(sent(endpoint))).toBe("88 00");
  });
});

describe("Endpoint, closing", () => {
  it("is closed when both have said so, in either order", () => {
    const local = open("server").endpoint;
    local.sendClose(1000, "");
    expect(local.state).toBe("local-closing");
    local.receive(rawFrame({ opcode: 8 }), 0);
    expect(local.state).toBe("closed");

    const remote = open("server").endpoint;
    remote.receive(rawFrame({ opcode: 8 }), 0);
    expect(remote.state).toBe("remote-closing");
    remote.sendClose(1000, "");
    expect(remote.state).toBe("closed");
  });

  it("hears messages between its own close frame and the peer's", () => {
    const { endpoint, log } = open("client");
    endpoint.sendClose(1000, "");
    endpoint.receive(hex("81 01 61 88 02 03e8"), 0);
    expect(log.events).toEqual(["message 1 a", "close 1000 "]);
  });

  it("is closed when the transport has ended", () => {
    const { endpoint } = open("server");
    endpoint.transportEnded();
    expect(endpoint.state).toBe("closed");
  });
});
