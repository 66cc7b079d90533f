/** The framework decides before the 101: its own middleware, hooks and guards answer in its own way. */
import { AsyncLocalStorage } from "node:async_hooks";
import { describe, expect, it } from "vitest";
import type { AdapterUnderTest, Refusal, Step } from "../adapter-under-test.ts";
import { upgradeText } from "../raw-http.ts";
import { deferred, Inbox } from "../wait.ts";
import { echo, page, serve, socket } from "./served.ts";

/** Records that a handler ran, which after a refusal must not be. */
function witness(): { ran: Inbox<string>; handler: () => void } {
  const ran = new Inbox<string>("the handler's start");
  return { ran, handler: () => ran.push("ran") };
}

const REFUSALS: readonly Refusal[] = [
  { status: 401, body: { error: "unauthorized" } },
  { status: 403, body: { error: "forbidden" } },
  { status: 404, body: { error: "no such room" } },
  { status: 429, body: { error: "slow down" } },
];

function refusals(adapter: AdapterUnderTest): void {
  describe.each(REFUSALS)("a guard that refuses with $status", (refusal) => {
    it.each(["sync", "async"])("is an ordinary HTTP response, %s", async (kind) => {
      const refuse: Step = (view) => {
        view.addHeader("X-Reason", "guard");
        view.addHeader("Set-Cookie", "attempt=1");
        return kind === "sync" ? refusal : Promise.resolve(refusal);
      };
      const { ran, handler } = witness();
      const served = await serve(adapter, {
        routes: [socket("/guarded", handler, { steps: [refuse] })],
      });
      const peer = await served.raw();
      peer.send(upgradeText("/guarded", { Host: served.host }));
      const answer = await peer.readResponse();
      expect(answer.status).toBe(refusal.status);
      expect(JSON.parse(answer.body)).toEqual(refusal.body);
      expect(answer.header("content-type")).toMatch(/^application\/json/u);
      expect(answer.header("x-reason")).toBe("guard");
      expect(answer.headerValues("set-cookie")).toEqual(["attempt=1"]);
      expect(answer.header("sec-websocket-accept")).toBeUndefined();
      expect(await peer.ended()).toBe("fin");
      expect(ran.all).toEqual([]);
      expect(await served.access.next()).toEqual({ url: "/guarded", status: refusal.status });
      expect(await served.errorsSoFar()).toEqual([]);
    });
  });

  it("a refusal goes out whole although the peer has sent frames already", async () => {
    const body = { error: "x".repeat(200_000) };
    const served = await serve(adapter, {
      routes: [socket("/guarded", echo, { steps: [() => ({ status: 403, body })] })],
    });
    const peer = await served.raw();
    peer.send(upgradeText("/guarded", { Host: served.host }));
    peer.send(Buffer.alloc(100_000, "unread input"));
    expect(JSON.parse((await peer.readResponse()).body)).toEqual(body);
  });
}

function failures(adapter: AdapterUnderTest): void {
  describe("a guard that throws", () => {
    const { rejectedStepIsSilent: silent } = adapter.differences ?? {};

    it("is answered by the framework's error handler with 500", async () => {
      const fault = new Error("the guard's fault");
      const { ran, handler } = witness();
      const throwing: Step = () => {
        throw fault;
      };
      const served = await serve(adapter, {
        routes: [socket("/guarded", handler, { steps: [throwing] })],
      });
      expect((await served.rawAnswer("/guarded")).status).toBe(500);
      expect(await served.errors.next()).toBe(fault);
      expect(ran.all).toEqual([]);
      await served.proveAlive();
    });

    const outcome = silent === undefined ? "is answered with 500" : `times out: ${silent.because}`;
    it(`and is async ${outcome}`, async () => {
      const fault = new Error("the guard's fault");
      const rejecting: Step = async () => {
        await Promise.resolve();
        throw fault;
      };
      const { ran, handler } = witness();
      const served = await serve(adapter, {
        routes: [socket("/guarded", handler, { steps: [rejecting] })],
        attach: { handshakeTimeout: 100 },
      });
      const { status } = await served.rawAnswer("/guarded");
      expect(status).toBe(silent === undefined ? 500 : 408);
      expect(await served.errorsSoFar()).toEqual(silent === undefined ? [fault] : []);
      expect(ran.all).toEqual([]);
    });
  });
}

function patience(adapter: AdapterUnderTest): void {
  describe("a guard that never answers", () => {
    it("ends in 408 after the handshake timeout, and its late answer is silent", async () => {
      const asked = new Inbox<undefined>("the guard's turn");
      const late = deferred();
      const guard: Step = async () => {
        asked.push(undefined);
        await late.promise;
        return undefined;
      };
      const { ran, handler } = witness();
      const served = await serve(adapter, {
        routes: [socket("/slow", handler, { steps: [guard] })],
        attach: { handshakeTimeout: 50 },
      });
      const peer = await served.raw();
      peer.send(upgradeText("/slow", { Host: served.host }));
      await asked.next();
      expect((await peer.readResponse()).status).toBe(408);
      expect(await peer.ended()).toBe("fin");
      late.resolve();
      await served.proveAlive();
      expect(ran.all).toEqual([]);
    });
  });

  describe("a guard that lets pass", () => {
    it("runs in order after the app's steps, sync and async alike", async () => {
      const order: string[] = [];
      const step =
        (name: string): Step =>
        () => {
          order.push(name);
          return undefined;
        };
      const slow: Step = async () => {
        await Promise.resolve();
        order.push("async guard");
        return undefined;
      };
      const served = await serve(adapter, {
        steps: [step("app")],
        routes: [socket("/ok", echo, { steps: [slow, step("guard")] }), page("/page", "")],
      });
      const peer = await served.ws("/ok");
      expect(order).toEqual(["app", "async guard", "guard"]);
      peer.send("in");
      expect(await peer.next()).toBe("in");
    });

    it("leaves its AsyncLocalStorage context to the handler, to the end", async () => {
      const storage = new AsyncLocalStorage<string>();
      const served = await serve(adapter, {
        around: (next) => storage.run("from the chain", next),
        routes: [
          socket("/context", async (conn) => {
            conn.send(String(storage.getStore()));
            const message = await conn.readMessage();
            conn.send(`${message.text()} ${String(storage.getStore())}`);
          }),
        ],
      });
      const peer = await served.ws("/context");
      expect(await peer.next()).toBe("from the chain");
      peer.send("later");
      expect(await peer.next()).toBe("later from the chain");
    });
  });
}

export function guardBehaviour(adapter: AdapterUnderTest): void {
  refusals(adapter);
  failures(adapter);
  patience(adapter);
}
