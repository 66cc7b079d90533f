/** A peer may vanish at any moment, and a middleware may misuse its response: the process stays up. */
import { describe, expect, it } from "vitest";
import type { AdapterUnderTest, Step, StepOutcome } from "../adapter-under-test.ts";
import { rawFrame, rawText } from "../raw-frame.ts";
import { upgradeText } from "../raw-http.ts";
import { deferred, Inbox } from "../wait.ts";
import { echo, serve, socket, type Served } from "./served.ts";

interface Guarded {
  readonly served: Served;
  readonly asked: Inbox<undefined>;
  readonly started: Inbox<string>;
  decide(outcome: StepOutcome): void;
  fail(fault: Error): void;
}

/** A server whose guard waits until the test decides. */
async function guarded(adapter: AdapterUnderTest): Promise<Guarded> {
  const asked = new Inbox<undefined>("the guard's turn");
  const started = new Inbox<string>("the handler's start");
  const decision = deferred<StepOutcome>();
  const guard: Step = async () => {
    asked.push(undefined);
    return decision.promise;
  };
  const served = await serve(adapter, {
    routes: [socket("/guarded", () => started.push("started"), { steps: [guard] })],
    attach: { handshakeTimeout: 1_000 },
  });
  return { served, asked, started, decide: decision.resolve, fail: decision.reject };
}

function beforeTheAnswer(adapter: AdapterUnderTest): void {
  const DECISIONS: ReadonlyArray<readonly [string, (guard: Guarded) => void]> = [
    ["lets pass", (guard) => guard.decide(undefined)],
    ["refuses", (guard) => guard.decide({ status: 401, body: { error: "unauthorized" } })],
    ["throws", (guard) => guard.fail(new Error("the guard's fault"))],
  ];

  describe("a reset before the 101", () => {
    it("in the middle of the request", async () => {
      const served = await serve(adapter, { routes: [socket("/echo", echo)] });
      const peer = await served.raw();
      peer.send(upgradeText("/echo").slice(0, 60));
      await served.proveAlive();
      peer.reset();
      expect(await served.errorsSoFar()).toEqual([]);
    });

    it("right behind the request, forty times", async () => {
      const served = await serve(adapter, { routes: [socket("/echo", echo)] });
      for (let times = 0; times < 40; times++) {
        const peer = await served.raw();
        peer.stream.write(upgradeText("/echo", { Host: served.host }), () => peer.reset());
        await peer.ended();
      }
      expect(await served.errorsSoFar()).toEqual([]);
    });

    it.each(DECISIONS)("while a guard decides that then %s", async (_how, decide) => {
      const guard = await guarded(adapter);
      const peer = await guard.served.raw();
      peer.send(upgradeText("/guarded", { Host: guard.served.host }));
      await guard.asked.next();
      peer.reset();
      await guard.served.proveAlive(); // by now the server has read the reset
      decide(guard);
      await guard.served.proveAlive();
      expect(guard.started.all).toEqual([]);
    });

    it.each(DECISIONS)("or a FIN while a guard decides that then %s", async (_how, decide) => {
      const guard = await guarded(adapter);
      const peer = await guard.served.raw();
      peer.send(upgradeText("/guarded", { Host: guard.served.host }));
      await guard.asked.next();
      peer.end();
      await guard.served.proveAlive();
      decide(guard);
      await expect(peer.ended()).resolves.toBeDefined();
      await guard.served.proveAlive();
    });
  });
}

function afterTheAnswer(adapter: AdapterUnderTest): void {
  const MOMENTS: ReadonlyArray<readonly [string, Buffer]> = [
    ["between frames", Buffer.alloc(0)],
    ["after a message", rawText("last words")],
    ["inside a frame header", rawText("cut").subarray(0, 1)],
    ["inside a payload", rawText("cut here").subarray(0, 9)],
    ["inside a fragmented message", rawFrame({ opcode: 1, payload: "half", fin: false })],
  ];

  describe("a reset after the 101", () => {
    it.each(MOMENTS)("%s ends the connection with 1006", async (_when, bytes) => {
      const ends = new Inbox<number>("the connection's end");
      const served = await serve(adapter, {
        routes: [
          socket("/echo", async (conn) => {
            void conn.closed.then((end) => ends.push(end.code));
            await echo(conn);
          }),
        ],
      });
      const peer = await served.rawSocket("/echo", { Host: served.host });
      peer.send(bytes);
      await served.proveAlive();
      peer.reset();
      expect(await ends.next()).toBe(1006);
      expect(await served.errorsSoFar()).toEqual([]);
    });

    it("while the server writes more than the peer reads", async () => {
      const ends = new Inbox<number>("the connection's end");
      const served = await serve(adapter, {
        routes: [
          socket("/flood", async (conn) => {
            void conn.closed.then((end) => ends.push(end.code));
            const chunk = Buffer.alloc(1 << 20);
            for (;;) await conn.writeMessage(2, chunk);
          }),
        ],
      });
      const peer = await served.rawSocket("/flood");
      await peer.readBytes(1_000_000);
      peer.stopReading();
      await served.proveAlive();
      peer.reset();
      expect(await ends.next()).toBe(1006);
      expect(await served.errorsSoFar()).toEqual([]);
    });
  });
}

function misuse(adapter: AdapterUnderTest): void {
  describe("a response written to after its end", () => {
    it("by a guard that has refused", async () => {
      const clumsy: Step = ({ response }) => {
        response.statusCode = 403;
        response.end("refused");
        response.write("and more");
        return "answered";
      };
      const served = await serve(adapter, {
        routes: [socket("/guarded", echo, { steps: [clumsy] })],
      });
      const answer = await served.rawAnswer("/guarded");
      expect([answer.status, answer.body]).toEqual([403, "refused"]);
      await served.proveAlive();
    });

    it("by a handler: its frames stay whole", async () => {
      const served = await serve(adapter, {
        routes: [
          socket("/clumsy", async (conn, { response }) => {
            response.write("not a frame");
            response.end("neither");
            await echo(conn);
          }),
        ],
      });
      const peer = await served.ws("/clumsy");
      peer.send("whole");
      expect(await peer.next()).toBe("whole");
      await served.proveAlive();
    });
  });
}

export function resetBehaviour(adapter: AdapterUnderTest): void {
  beforeTheAnswer(adapter);
  afterTheAnswer(adapter);
  misuse(adapter);
}
