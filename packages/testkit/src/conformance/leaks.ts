/** Nothing of a connection stays behind: not of an accepted, a refused or an aborted one. */
import { describe, expect, it } from "vitest";
import type { AdapterUnderTest, Step } from "../adapter-under-test.ts";
import { expectFlatMemory } from "../memory.ts";
import { rawClose, rawText } from "../raw-frame.ts";
import { upgradeText } from "../raw-http.ts";
import { RawPeer } from "../raw-peer.ts";
import { echo, serve, socket, type Served } from "./served.ts";

/**
 * Measured on Node 20: a request and its response that are kept weigh 6 to 13 KiB, at least 1.9 MB over these rounds;
 * where nothing is kept, the two measurements differ by up to 240 kB. Node 24 and 26 keep up to 870 kB more, once, for
 * what they compile within the first 600 rounds.
 */
const ROUNDS = { rounds: 300, warmUpRounds: 500, maxGrowthBytes: 700_000 };

/** The rounds take 6 s on an idle machine, but tests may share theirs. */
const MANY_ROUNDS_MS = 60_000;

async function converse(served: Served): Promise<void> {
  using peer = await RawPeer.upgrade(served.port, "/echo");
  peer.send(rawText("hello"));
  await peer.readFrame();
  peer.send(rawClose(1000));
  await peer.ended();
}

async function beRefused(served: Served): Promise<void> {
  using peer = await RawPeer.connect(served.port);
  peer.send(upgradeText("/refused"));
  await peer.readResponse();
  await peer.ended();
}

async function vanish(served: Served): Promise<void> {
  using peer = await RawPeer.upgrade(served.port, "/echo");
  peer.reset();
  await peer.ended();
}

export function leakBehaviour(adapter: AdapterUnderTest): void {
  const ENDS: ReadonlyArray<readonly [string, (served: Served) => Promise<void>]> = [
    ["that was closed", converse],
    ["that was refused", beRefused],
    ["that was reset", vanish],
  ];
  const refuse: Step = () => ({ status: 401, body: { error: "unauthorized" } });

  describe("memory", () => {
    it.each(ENDS)(
      "nothing is kept of a connection %s",
      async (_how, connect) => {
        const served = await serve(adapter, {
          routes: [socket("/echo", echo), socket("/refused", echo, { steps: [refuse] })],
        });
        await expectFlatMemory(async () => connect(served), ROUNDS);
        expect(await served.errorsSoFar()).toEqual([]);
      },
      MANY_ROUNDS_MS,
    );
  });
}
