import type { IncomingMessage, ServerResponse } from "node:http";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Upgrader, type Conn } from "@longwire/engine";
import { rawText, upgradeText } from "@longwire/testkit";
import { describe, expect, it } from "vitest";
import { answerUpgrade, connectRaw, failOnCrash, serve } from "./attached-server.ts";

failOnCrash();

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void; // what the flag has put there

async function untilCollected(ref: WeakRef<object>): Promise<boolean> {
  for (let round = 0; round < 50 && ref.deref() !== undefined; round++) {
    await new Promise((resolve) => setImmediate(resolve)); // deref has kept it until the end of that turn
    collectGarbage();
  }
  return ref.deref() === undefined;
}

describe("an open connection", () => {
  it.each(["decideUpgrade", "upgrade"])(
    "of %s keeps neither its request nor its response",
    async (way) => {
      const refs: WeakRef<object>[] = [];
      const conns: Conn[] = [];
      const upgrader = new Upgrader();
      const { port } = await serve((request: IncomingMessage, response: ServerResponse) => {
        refs.push(new WeakRef(request), new WeakRef(response));
        const handler = (conn: Conn): void => void conns.push(conn);
        if (way === "upgrade") void upgrader.upgrade(request).then(handler);
        else void answerUpgrade(request, response, { handler });
      });
      const peer = await connectRaw(port);
      peer.send(upgradeText("/"));
      await peer.readResponse();
      peer.send(rawText("open"));
      const [conn] = conns;
      expect((await conn?.readMessage())?.text()).toBe("open");
      for (const ref of refs) expect(await untilCollected(ref)).toBe(true);
      peer.send(rawText("still open"));
      expect((await conn?.readMessage())?.text()).toBe("still open");
    },
  );
});
