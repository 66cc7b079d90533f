/** The reader owns the connection: what becomes of it when the handler has returned. */
import type { Conn } from "@longwire/engine";
import { describe, expect, it } from "vitest";
import type { AdapterUnderTest } from "../adapter-under-test.ts";
import type { WsPeer } from "../ws-peer.ts";
import { deferred, Inbox } from "../wait.ts";
import { echo, serve, socket, type Served } from "./served.ts";

interface Opened {
  readonly served: Served;
  readonly peer: WsPeer;
}

async function open(adapter: AdapterUnderTest, handler: (conn: Conn) => unknown): Promise<Opened> {
  const served = await serve(adapter, { routes: [socket("/socket", handler)] });
  return { served, peer: await served.ws("/socket") };
}

/** Asserts that the connection is open after its handler has been judged. */
async function expectOpen({ peer }: Opened): Promise<void> {
  await peer.roundTrip();
  await peer.roundTrip(); // the server has had whole turns since the handler returned
  expect(peer.socket.readyState).toBe(peer.socket.OPEN);
}

const FAILURES: ReadonlyArray<readonly [string, (fault: Error) => void | Promise<void>]> = [
  [
    "throws",
    (fault) => {
      throw fault;
    },
  ],
  ["rejects", async (fault) => Promise.reject(fault)],
];

function failing(adapter: AdapterUnderTest): void {
  describe("lifetime 1: the handler failed", () => {
    it.each(FAILURES)("closes with 1011 and reports once when it %s", async (_how, fail) => {
      const fault = new Error("the handler's own fault");
      const { served, peer } = await open(adapter, () => fail(fault));
      expect((await peer.awaitClosed()).code).toBe(1011);
      expect(await served.errors.next()).toBe(fault);
      await served.proveAlive();
      expect(served.errors.all).toEqual([fault]);
    });

    it.each(FAILURES)("or when the callback of a detached forEach %s", async (_how, fail) => {
      const fault = new Error("in the callback");
      const { served, peer } = await open(adapter, (conn) => {
        void conn.forEach(() => fail(fault));
      });
      peer.send("go");
      expect((await peer.awaitClosed()).code).toBe(1011);
      expect(await served.errors.next()).toBe(fault);
      await served.proveAlive();
      expect(served.errors.all).toEqual([fault]);
    });

    it("closes with 1011 and reports once when it fails after messages", async () => {
      const fault = new Error("too much");
      const { served, peer } = await open(adapter, async (conn) => {
        for await (const message of conn) {
          if (message.text() === "fail") throw fault;
          await conn.writeMessage(message.type, message.data);
        }
      });
      peer.send("fine");
      expect(await peer.next()).toBe("fine");
      peer.send("fail");
      expect((await peer.awaitClosed()).code).toBe(1011);
      await served.proveAlive();
      expect(served.errors.all).toEqual([fault]);
    });
  });
}

function detached(adapter: AdapterUnderTest): void {
  describe("lifetime 2: a reader is there", () => {
    it("carries on with a detached forEach", async () => {
      const opened = await open(adapter, (conn) => {
        void conn.forEach((message) => {
          conn.send(message.text());
        });
      });
      await expectOpen(opened);
      opened.peer.send("still");
      expect(await opened.peer.next()).toBe("still");
    });

    it("closes with 1000 when a detached iterator ends", async () => {
      const opened = await open(adapter, (conn) => {
        const readOne = async (): Promise<void> => {
          for await (const message of conn) {
            conn.send(message.text());
            break;
          }
        };
        void readOne();
      });
      await expectOpen(opened);
      opened.peer.send("last");
      expect(await opened.peer.next()).toBe("last");
      expect((await opened.peer.awaitClosed()).code).toBe(1000);
    });

    it("carries on with a detached bare read, and does not close when it is done", async () => {
      const opened = await open(adapter, (conn) => {
        void conn.readMessage().then((message) => conn.send(message.text()));
      });
      await expectOpen(opened);
      opened.peer.send("read");
      expect(await opened.peer.next()).toBe("read");
      await expectOpen(opened);
    });
  });
}

function finished(adapter: AdapterUnderTest): void {
  describe("lifetime 3: it has read and nobody reads or holds now", () => {
    it("closes with 1000", async () => {
      const { served, peer } = await open(adapter, async (conn) => {
        const message = await conn.readMessage();
        await conn.writeMessage(message.type, message.data);
      });
      peer.send("one");
      expect(await peer.next()).toBe("one");
      expect((await peer.awaitClosed()).code).toBe(1000);
      expect(await served.errorsSoFar()).toEqual([]);
    });

    it("stays open while somebody holds it", async () => {
      const held = deferred<Conn>();
      const opened = await open(adapter, async (conn) => {
        await conn.readMessage();
        conn.hold();
        held.resolve(conn);
      });
      opened.peer.send("hold");
      const conn = await held.promise;
      await expectOpen(opened);
      await conn.writeMessage(1, "held");
      expect(await opened.peer.next()).toBe("held");
      void conn.close(1000, "done");
      expect(await opened.peer.awaitClosed()).toEqual({ code: 1000, reason: "done" });
    });

    it("keeps the close code of a handler that closed for itself", async () => {
      const { served, peer } = await open(adapter, async (conn) => {
        await conn.readMessage();
        await conn.close(4001, "enough");
      });
      peer.send("end");
      expect(await peer.awaitClosed()).toEqual({ code: 4001, reason: "enough" });
      expect(await served.errorsSoFar()).toEqual([]);
    });
  });
}

function pushing(adapter: AdapterUnderTest): void {
  describe("lifetime 4: it never read", () => {
    const pushers: ReadonlyArray<readonly [string, (push: () => void) => unknown]> = [
      [
        "a sync handler",
        (push) => {
          push();
        },
      ], // the same rule for both
      [
        "an async handler",
        async (push) => {
          await Promise.resolve();
          push();
        },
      ],
    ];
    it.each(pushers)("stays open after %s and a later read loses nothing", async (_kind, run) => {
      const pushed = deferred<Conn>();
      const opened = await open(adapter, (conn) =>
        run(() => {
          conn.send("welcome");
          pushed.resolve(conn);
        }),
      );
      expect(await opened.peer.next()).toBe("welcome");
      await expectOpen(opened);
      opened.peer.send("queued");
      await opened.peer.roundTrip();
      const conn = await pushed.promise;
      expect((await conn.readMessage()).text()).toBe("queued");
    });

    it("reads and drops with discard until the peer closes", async () => {
      const ends = new Inbox<number>("the end of discard");
      const opened = await open(adapter, async (conn) => {
        ends.push((await conn.discard()).code);
      });
      opened.peer.send("dropped");
      await expectOpen(opened);
      await opened.peer.close(4002);
      expect(await ends.next()).toBe(4002);
      expect(await opened.served.errorsSoFar()).toEqual([]);
    });
  });
}

function ends(adapter: AdapterUnderTest): void {
  describe("the end of the connection", () => {
    it.each([
      [1000, "quietly"],
      [1001, "quietly"],
      [4000, "with CloseError"],
    ])("after the peer's %i for await ends %s, which is no fault", async (code, how) => {
      const outcome = new Inbox<string>("the end of the loop");
      const { served, peer } = await open(adapter, async (conn) => {
        try {
          for await (const message of conn) conn.send(message.text());
          outcome.push("quietly");
        } catch (error) {
          outcome.push(`with ${error instanceof Error ? error.name : "something else"}`);
          throw error;
        }
      });
      await peer.close(code);
      expect(await outcome.next()).toBe(how);
      expect(await served.errorsSoFar()).toEqual([]);
    });

    it("does not report a handler that wrote to its own closed connection", async () => {
      const { served, peer } = await open(adapter, async (conn) => {
        await conn.discard();
        await conn.writeMessage(1, "too late");
      });
      await peer.close();
      expect(await served.errorsSoFar()).toEqual([]);
    });

    it("crashes nothing by promises that nobody awaits", async () => {
      const closings = new Inbox<number>("the connection's end");
      const served = await serve(adapter, {
        routes: [
          socket("/careless", (conn) => {
            void conn.closed.then((end) => closings.push(end.code));
            void conn.readMessage();
            void conn.ping();
            void conn.writeMessage(2, Buffer.alloc(8_000_000));
            void conn.drained();
            void conn.closed.then(() => {
              void conn.readMessage();
              void conn.writeMessage(1, "too late");
              void conn.ping();
              void conn.close(4000);
            });
          }),
        ],
      });
      const peer = await served.rawSocket("/careless");
      peer.stopReading();
      await served.proveAlive();
      peer.reset();
      expect(await closings.next()).toBe(1006);
      expect(await served.errorsSoFar()).toEqual([]);
    });

    it("reports a handler that another connection's end has failed", async () => {
      const first = deferred<Conn>();
      const served = await serve(adapter, {
        routes: [
          socket("/first", async (conn) => {
            first.resolve(conn);
            await echo(conn);
          }),
          socket("/second", async () => {
            const other = await first.promise;
            await other.closed;
            await other.writeMessage(1, "to the other one");
          }),
        ],
      });
      const other = await served.ws("/first");
      const peer = await served.ws("/second");
      await other.close();
      expect((await peer.awaitClosed()).code).toBe(1011);
      expect(await served.errors.next()).toBeInstanceOf(Error);
      expect(served.errors.all).toHaveLength(1);
    });
  });
}

export function lifetimeBehaviour(adapter: AdapterUnderTest): void {
  failing(adapter);
  detached(adapter);
  finished(adapter);
  pushing(adapter);
  ends(adapter);
}
