/** Decompression bombs: 1 GiB of zeros in 1 MiB, however it comes, ends in 1009 and takes no memory. */
import { expectFlatMemory, within } from "@longwire/testkit";
import { constants, deflateRawSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { idle, rejectionOf, stateOf } from "../conn/harness.ts";
import { CompressedConn } from "./compressed-conn.ts";

const MIB = 1_048_576;

/** Zeros, compressed a thousandfold. A full flush forgets the window, so that the same bytes serve for each MiB. */
function zeros(mebibytes: number): Buffer {
  const one = deflateRawSync(Buffer.alloc(MIB), { finishFlush: constants.Z_FULL_FLUSH });
  return Buffer.concat(Array<Buffer>(mebibytes).fill(one)).subarray(0, -4);
}

const GIB_OF_ZEROS = zeros(1024);

/** Sends the bomb, in frames of `fragmentBytes`, and cares about nothing that comes back. */
function sendBomb(pair: CompressedConn, fragmentBytes: number, opcode: 1 | 2 = 2): void {
  for (let at = 0; at < GIB_OF_ZEROS.length; at += fragmentBytes) {
    const payload = GIB_OF_ZEROS.subarray(at, at + fragmentBytes);
    const fin = at + fragmentBytes >= GIB_OF_ZEROS.length;
    pair.sendFrame({ opcode: at === 0 ? opcode : 0, rsv: at === 0 ? 4 : 0, fin, payload });
  }
}

/** Runs `action` and tells by how many MiB it has raised the most memory that the process ever had. */
async function raisedPeak(action: () => Promise<void>): Promise<number> {
  const before = process.resourceUsage().maxRSS;
  await action();
  return (process.resourceUsage().maxRSS - before) / 1024;
}

describe("1 GiB of zeros", () => {
  it("is 1 MiB on the wire", () => {
    expect(GIB_OF_ZEROS.length).toBeLessThan(1.1 * MIB);
  });

  it.each([Infinity, 65_536, 1000])(
    "read whole, in frames of %s bytes: 1009",
    async (fragmentBytes) => {
      const raised = await raisedPeak(async () => {
        const pair = new CompressedConn();
        const reading = pair.conn.readMessage();
        sendBomb(pair, Math.min(fragmentBytes, GIB_OF_ZEROS.length));
        expect(await rejectionOf(reading)).toMatchObject({
          code: "WS_READ_LIMIT",
          closeCode: 1009,
        });
        expect((await pair.peer.readClose()).code).toBe(1009);
        await within(pair.conn.closed, "the end");
      });
      expect(raised).toBeLessThan(100);
    },
  );

  it("nobody reads: it waits at the water mark, and is 1009 when somebody does", async () => {
    const raised = await raisedPeak(async () => {
      const pair = new CompressedConn();
      sendBomb(pair, 10_000);
      await idle(50);
      expect(await stateOf(pair.conn.closed)).toBe("pending");
      expect(await rejectionOf(pair.conn.forEach(() => {}))).toMatchObject({ closeCode: 1009 });
      expect((await pair.peer.readClose()).code).toBe(1009);
    });
    expect(raised).toBeLessThan(100);
  });

  it("as text, and by a client: 1009", async () => {
    for (const role of ["server", "client"] as const) {
      const pair = new CompressedConn({ role });
      const reading = pair.conn.readMessage();
      sendBomb(pair, 65_536, 1);
      expect(await rejectionOf(reading)).toMatchObject({ closeCode: 1009 });
    }
  });

  it("read in pieces: no more than the limit comes out, then 1009", async () => {
    const raised = await raisedPeak(async () => {
      const pair = new CompressedConn();
      const opened = pair.conn.nextReader();
      sendBomb(pair, 65_536);
      const reader = await opened;
      let read = 0;
      const failure = await (async () => {
        for await (const piece of reader) read += piece.length;
      })().catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: "WS_READ_LIMIT", closeCode: 1009 });
      expect(read).toBeLessThanOrEqual(MIB);
      expect((await pair.peer.readClose()).code).toBe(1009);
    });
    expect(raised).toBeLessThan(100);
  });

  it("read in pieces and left: 1009, whoever reads next is told", async () => {
    const pair = new CompressedConn();
    const opened = pair.conn.nextReader();
    sendBomb(pair, 65_536);
    await (await opened).next();
    expect(await rejectionOf(pair.conn.readMessage())).toMatchObject({ code: "WS_READ_LIMIT" });
  });

  it("between closing handshakes nothing is inflated", async () => {
    const pair = new CompressedConn({ options: { closeTimeout: 100 } });
    const closed = pair.conn.close(1000);
    sendBomb(pair, 65_536);
    pair.sendFrame({ opcode: 8, payload: Buffer.from("03e8", "hex") });
    expect(await closed).toMatchObject({ code: 1000, wasClean: true });
  });

  it("leaves no memory behind, bomb after bomb", async () => {
    const small = zeros(64);
    await expectFlatMemory(
      async () => {
        const pair = new CompressedConn();
        pair.sendPayload(small);
        expect((await pair.peer.readClose()).code).toBe(1009);
        const streamed = new CompressedConn();
        const opened = streamed.conn.nextReader();
        streamed.sendPayload(small);
        await rejectionOf((await opened).readAll());
        await within(Promise.all([pair.conn.closed, streamed.conn.closed]), "the ends");
      },
      // zlib's memory is given back by the collector, late.
      { rounds: 20, warmUpRounds: 10, maxGrowthBytes: 4 * MIB },
    );
  });
});

describe("with a limit of its own", () => {
  it("512 MiB of zeros stream through a reader in a few MiB of memory", async () => {
    const raised = await raisedPeak(async () => {
      const pair = new CompressedConn({ options: { readLimit: Infinity } });
      const opened = pair.conn.nextReader();
      const one = zeros(16);
      for (let at = 0; at < 32; at++) {
        const payload = at === 31 ? one : Buffer.concat([one, Buffer.from("0000ffff", "hex")]);
        pair.sendFrame({
          opcode: at === 0 ? 2 : 0,
          rsv: at === 0 ? 4 : 0,
          fin: at === 31,
          payload,
        });
      }
      let read = 0;
      for await (const piece of await opened) read += piece.length;
      expect(read).toBe(512 * MIB);
    });
    expect(raised).toBeLessThan(100);
  });

  it("a message of exactly the limit passes, one byte more is 1009", async () => {
    for (const [bytes, code] of [
      [MIB, undefined],
      [MIB + 1, 1009],
    ] as const) {
      const pair = new CompressedConn();
      await pair.send(Buffer.alloc(bytes));
      const outcome: unknown = await pair.conn.readMessage().catch((error: unknown) => error);
      expect((outcome as { closeCode?: number }).closeCode).toBe(code); // a message has none
    }
  });
});
