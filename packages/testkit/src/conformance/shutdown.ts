/** The framework's own close says 1001, waits as long as the limit allows, and no longer. */
import { describe, expect, it } from "vitest";
import type { AdapterUnderTest, Step } from "../adapter-under-test.ts";
import { upgradeText } from "../raw-http.ts";
import { deferred, Inbox } from "../wait.ts";
import { echo, serve, socket } from "./served.ts";

/** Well above the 200 ms drain timeout, well below every default of 5 s. */
const IN_TIME_MS = 2_500;

async function elapsed(work: Promise<void>): Promise<number> {
  const began = performance.now();
  await work;
  return performance.now() - began;
}

function draining(adapter: AdapterUnderTest): void {
  describe("the framework's close", () => {
    it("sends 1001 to every connection and ends its handlers quietly", async () => {
      const ends = new Inbox<string>("a handler's end");
      const served = await serve(adapter, {
        routes: [
          socket("/loop", async (conn) => {
            for await (const message of conn) conn.send(message.text());
            ends.push("quiet");
          }),
          socket("/push", (conn) => conn.send("hello"), { form: "short" }),
        ],
      });
      const looping = await served.ws("/loop");
      const pushed = await served.ws("/push");
      expect(await elapsed(served.close())).toBeLessThan(IN_TIME_MS);
      expect((await looping.awaitClosed()).code).toBe(1001);
      expect((await pushed.awaitClosed()).code).toBe(1001);
      expect(await ends.next()).toBe("quiet");
      expect(served.errors.all).toEqual([]);
    });

    it("returns in time although peers answer nothing and read nothing", async () => {
      const chunk = Buffer.alloc(1 << 20);
      const served = await serve(adapter, {
        routes: [
          socket("/echo", echo),
          socket("/flood", async (conn) => {
            for (;;) await conn.writeMessage(2, chunk);
          }),
        ],
      });
      await served.rawSocket("/echo"); // never answers the close frame
      const stuck = await served.rawSocket("/flood");
      await stuck.readBytes(1_000_000);
      stuck.stopReading();
      expect(await elapsed(served.close())).toBeLessThan(IN_TIME_MS);
      expect(served.errors.all).toEqual([]);
    });

    it("waits for a handler that holds its connection", async () => {
      const working = new Inbox<string>("the handler's work");
      const done = deferred();
      const served = await serve(adapter, {
        routes: [
          socket("/echo", echo),
          socket("/work", async (conn) => {
            for await (const message of conn) {
              using _held = conn.hold();
              working.push(message.text());
              await done.promise;
              await conn.writeMessage(1, "done");
            }
          }),
        ],
        attach: { drainTimeout: 2_000 },
      });
      const idle = await served.ws("/echo");
      const peer = await served.ws("/work");
      peer.send("order 1");
      await working.next();
      const closing = served.close();
      expect((await idle.awaitClosed()).code).toBe(1001);
      done.resolve();
      expect(await peer.next()).toBe("done");
      expect((await peer.awaitClosed()).code).toBe(1001);
      await closing;
    });
  });
}

function arrivals(adapter: AdapterUnderTest): void {
  describe("an upgrade while the server drains", () => {
    it("gets 503", async () => {
      const served = await serve(adapter, {
        routes: [socket("/echo", echo)],
        attach: { drainTimeout: 1_500 },
      });
      const stuck = await served.rawSocket("/echo"); // keeps the drain going
      const late = await served.raw();
      const request = upgradeText("/echo", { Host: served.host });
      late.send(request.slice(0, -2)); // a request under way: closing the server leaves it alone
      await served.proveAlive();
      const closing = served.close();
      expect((await stuck.readClose()).code).toBe(1001);
      late.send(request.slice(-2));
      // Over HTTP/2 GOAWAY came first: the gateway finds no connection for it.
      const answer = adapter.overHttp2 === true ? undefined : await late.readResponse();
      expect(answer?.status).toBe(adapter.overHttp2 === true ? undefined : 503);
      await late.ended();
      stuck.end();
      await closing;
    });

    it("that a guard still holds does not keep the server open", async () => {
      const asked = new Inbox<undefined>("the guard's turn");
      const never = deferred();
      const guard: Step = async () => {
        asked.push(undefined);
        await never.promise;
        return undefined;
      };
      const served = await serve(adapter, {
        routes: [socket("/guarded", echo, { steps: [guard] })],
        attach: { handshakeTimeout: 400 },
      });
      const peer = await served.raw();
      peer.send(upgradeText("/guarded", { Host: served.host }));
      await asked.next();
      expect(await elapsed(served.close())).toBeLessThan(IN_TIME_MS);
      await peer.ended();
      never.resolve();
    });
  });
}

export function shutdownBehaviour(adapter: AdapterUnderTest): void {
  draining(adapter);
  arrivals(adapter);
}
