/** The lifetime rule: the reader owns the connection; what a handler throws is reported once, its own end never. */
import { connAndRawPeer, deferred, rawClose, rawText, watchForCrashes } from "@longwire/testkit";
import { afterEach, describe, expect, it, vi } from "vitest";
import { openConn, runHandler, type Conn } from "../../src/index.ts";
import { idle, rejectionOf } from "./harness.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

interface Run {
  readonly conn: Conn;
  readonly peer: ReturnType<typeof connAndRawPeer>["peer"];
  /** Errors that reached the route's channel. */
  readonly reports: unknown[];
  /** Ends of the connection that are no faults. */
  readonly debugged: unknown[];
}

function run(handler: (conn: Conn) => unknown, head: Uint8Array = Buffer.alloc(0)): Run {
  const { conn, peer } = connAndRawPeer("server", {}, head);
  const reports: unknown[] = [];
  const debugged: unknown[] = [];
  runHandler(
    conn,
    () => handler(conn),
    (error) => void reports.push(error),
    (error) => void debugged.push(error),
  );
  return { conn, peer, reports, debugged };
}

/** The code that the connection closes with by itself. */
async function closeCode({ peer }: Run): Promise<number> {
  const { code } = await peer.readClose();
  peer.send(rawClose(code));
  return code;
}

async function isOpen({ conn, peer }: Run): Promise<boolean> {
  await idle(10);
  return conn.readyState === 1 && peer.unread.length === 0;
}

/** Each way to end a handler: by returning, and by a promise that settles later. */
const WAYS: ReadonlyArray<readonly [string, <T>(result: () => T) => T | Promise<T>]> = [
  ["a sync handler", (result) => result()],
  ["an async handler", async (result) => (await idle(2), result())],
];

describe.each(WAYS)("case 1, %s that fails", (_kind, end) => {
  it("closes with 1011 and reports the error", async () => {
    const boom = new Error("handler");
    const running = run(() =>
      end(() => {
        throw boom;
      }),
    );
    expect(await closeCode(running)).toBe(1011);
    expect(running.reports).toEqual([boom]);
    expect(await running.conn.closed).toMatchObject({ code: 1011, wasClean: true });
  });

  it("closes even when somebody still reads or holds", async () => {
    const running = run((conn) => {
      conn.hold();
      void conn.readMessage();
      return end(() => {
        throw new Error("handler");
      });
    });
    expect(await closeCode(running)).toBe(1011);
  });

  it("reports what was thrown, whatever it is", async () => {
    for (const thrown of [undefined, null, "text", 0, { code: 1 }]) {
      const running = run(() =>
        end(() => {
          // oxlint-disable-next-line typescript/only-throw-error -- JavaScript handlers can throw anything
          throw thrown;
        }),
      );
      expect(await closeCode(running)).toBe(1011);
      expect(running.reports).toEqual([thrown]);
    }
  });

  it("sends what it has written before the close frame", async () => {
    const running = run((conn) => {
      conn.send("before");
      return end(() => {
        throw new Error("handler");
      });
    });
    expect((await running.peer.readFrame()).payload.toString()).toBe("before");
    expect(await closeCode(running)).toBe(1011);
  });
});

describe.each(WAYS)("case 2, %s that leaves a reader behind", (_kind, end) => {
  it("carries on with a detached loop, and closes with 1000 when that ends", async () => {
    const read: string[] = [];
    const running = run((conn) => {
      void (async () => {
        for await (const message of conn) {
          read.push(message.text());
          if (message.text() === "end") break;
        }
      })();
      return end(() => {});
    });
    running.peer.send(rawText("one"));
    expect(await isOpen(running)).toBe(true);
    running.peer.send(rawText("end"));
    expect(await closeCode(running)).toBe(1000);
    expect(read).toEqual(["one", "end"]);
    expect(running.reports).toEqual([]);
  });

  it("carries on with a detached forEach", async () => {
    const read: string[] = [];
    const running = run((conn) => {
      void conn.forEach((message) => void read.push(message.text()));
      return end(() => {});
    });
    expect(await isOpen(running)).toBe(true);
    running.peer.send(rawText("one"));
    expect(await isOpen(running)).toBe(true);
    running.peer.send(rawClose(1000));
    expect(await running.conn.closed).toMatchObject({ code: 1000, wasClean: true });
    expect(read).toEqual(["one"]);
  });

  it("carries on with a bare read, which never closes: neither when it ends nor between two", async () => {
    const read: string[] = [];
    const running = run((conn) => {
      void (async () => {
        read.push((await conn.readMessage()).text());
        await idle(5);
        read.push((await conn.readMessage()).text());
      })();
      return end(() => {});
    });
    await idle();
    running.peer.send(rawText("one"));
    expect(await isOpen(running)).toBe(true);
    running.peer.send(rawText("two"));
    expect(await isOpen(running)).toBe(true);
    expect(read).toEqual(["one", "two"]);
    running.conn.terminate();
  });

  it("carries on with a reader of an unfinished message", async () => {
    const running = run((conn) => {
      conn
        .nextReader()
        .then((reader) => reader.readAll())
        .catch(() => {});
      return end(() => {});
    });
    expect(await isOpen(running)).toBe(true);
    running.conn.terminate();
  });
});

describe.each(WAYS)("case 3, %s that has read and left", (_kind, end) => {
  it("closes with 1000", async () => {
    const running = run(async (conn) => {
      await conn.readMessage();
      return end(() => {});
    }, rawText("one"));
    expect(await closeCode(running)).toBe(1000);
    expect(running.reports).toEqual([]);
  });

  it("closes with 1000 behind a loop that it left with break", async () => {
    const running = run(async (conn) => {
      for await (const message of conn) if (message.text() === "one") break;
      return end(() => {});
    }, rawText("one"));
    expect(await closeCode(running)).toBe(1000);
  });

  it("stays open while something holds, and closes with 1000 when that lets go", async () => {
    let hold: Disposable | undefined;
    const running = run(async (conn) => {
      await conn.readMessage();
      hold = conn.hold();
      return end(() => {});
    }, rawText("one"));
    expect(await isOpen(running)).toBe(true);
    hold?.[Symbol.dispose]();
    hold?.[Symbol.dispose](); // twice is once
    expect(await closeCode(running)).toBe(1000);
  });

  it("counts holds", async () => {
    const holds: Disposable[] = [];
    const running = run(async (conn) => {
      await conn.readMessage();
      holds.push(conn.hold(), conn.hold());
      return end(() => {});
    }, rawText("one"));
    await idle();
    holds[0]?.[Symbol.dispose]();
    holds[0]?.[Symbol.dispose]();
    expect(await isOpen(running)).toBe(true);
    holds[1]?.[Symbol.dispose]();
    expect(await closeCode(running)).toBe(1000);
  });
});

describe.each(WAYS)("case 4, %s that never read", (_kind, end) => {
  it("stays open to write", async () => {
    const running = run(() => end(() => {}));
    expect(await isOpen(running)).toBe(true);
    await running.conn.writeMessage(1, "push");
    expect((await running.peer.readFrame()).payload.toString()).toBe("push");
    running.conn.terminate();
  });

  it("keeps messages to the water mark, drops and counts the others; a later read learns how many", async () => {
    const { conn, peer } = connAndRawPeer("server", { readQueueMessages: 3 });
    runHandler(
      conn,
      () => end(() => {}),
      () => {},
    );
    await idle(8);
    for (let at = 0; at < 10; at++) peer.send(rawText(String(at)));
    await idle(8);
    const kept = [await conn.readMessage(), await conn.readMessage(), await conn.readMessage()];
    expect(kept.map((message) => [message.text(), message.dropped])).toEqual([
      ["0", 0],
      ["1", 0],
      ["2", 0],
    ]);
    peer.send(rawText("next"));
    const next = await conn.readMessage();
    expect([next.text(), next.dropped]).toEqual(["next", 7]);
    conn.terminate();
  });

  it("sees the peer's close, however much it has sent", async () => {
    const { conn, peer } = connAndRawPeer("server", { readQueueMessages: 3 });
    runHandler(
      conn,
      () => end(() => {}),
      () => {},
    );
    for (let at = 0; at < 100; at++) peer.send(rawText("x".repeat(5000)));
    peer.send(rawClose(1000));
    expect(await conn.closed).toMatchObject({ code: 1000, wasClean: true });
  });
});

describe("the handler's moment", () => {
  it("is judged once: what it starts to read later does not matter", async () => {
    const gate = deferred();
    const running = run(() => gate.promise, rawText("one"));
    expect(await isOpen(running)).toBe(true);
    gate.resolve();
    expect(await isOpen(running)).toBe(true); // it never read: it stays open
    await running.conn.readMessage();
    expect(await isOpen(running)).toBe(true); // and bare reads never close
    running.conn.terminate();
  });

  it("loses no message that comes while it awaits something else first", async () => {
    const gate = deferred();
    const read: string[] = [];
    const running = run(async (conn) => {
      await gate.promise;
      for await (const message of conn) read.push(message.text());
    }, rawText("early"));
    running.peer.send(rawText("while it waits"));
    await idle();
    gate.resolve();
    running.peer.send(rawClose(1000));
    await running.conn.closed;
    expect(read).toEqual(["early", "while it waits"]);
  });
});

describe("the connection's own end", () => {
  it.each<readonly [string, (conn: Conn) => Promise<unknown>]>([
    ["a read", (conn) => conn.readMessage()],
    ["a ping", (conn) => conn.ping()],
    [
      "its signal's reason",
      (conn) =>
        new Promise((_resolve, reject) => {
          conn.signal.addEventListener("abort", () => reject(conn.signal.reason as Error));
        }),
    ],
    ["a reader", async (conn) => (await conn.nextReader()).readAll()],
    [
      "iteration",
      async (conn) => {
        for await (const message of conn) expect(message).toBeUndefined();
      },
    ],
  ])("met by %s is not reported", async (_how, handler) => {
    const running = run((conn) => handler(conn));
    await idle();
    running.peer.send(rawClose(4000));
    await running.conn.closed;
    await idle();
    expect(running.reports).toEqual([]);
    expect(running.debugged).toEqual([running.conn.signal.reason]);
  });

  it("met by a write is not reported", async () => {
    const running = run(async (conn) => {
      await conn.readMessage().catch(() => {});
      await conn.writeMessage(1, "too late");
    });
    running.peer.send(rawClose(4000));
    await running.conn.closed;
    await idle();
    expect(running.reports).toEqual([]);
    expect(running.debugged).toEqual([expect.objectContaining({ code: "WS_CLOSE_SENT" })]);
  });

  it("as the cause of another error is not reported, even through a circle of causes", async () => {
    const running = run(async (conn) => {
      const end = await rejectionOf(conn.readMessage());
      throw new Error("outer", { cause: new Error("inner", { cause: end }) });
    });
    running.peer.send(rawClose(4000));
    await running.conn.closed;
    await idle();
    expect([running.reports.length, running.debugged.length]).toEqual([0, 1]);

    const circle = new Error("circle");
    circle.cause = circle;
    const other = run(() => Promise.reject(circle));
    expect(await closeCode(other)).toBe(1011);
    expect(other.reports).toEqual([circle]);
  });

  it("of another connection is a fault", async () => {
    const { conn: other, peer: otherPeer } = connAndRawPeer("server");
    const running = run(() => other.readMessage());
    otherPeer.send(rawClose(4000));
    expect(await closeCode(running)).toBe(1011);
    expect(running.reports).toEqual([expect.objectContaining({ name: "CloseError", code: 4000 })]);
  });
});

describe("errors that no promise of the handler carries", () => {
  it("a value that JSON can't express is reported once, also when the handler fails by it", async () => {
    const circular: Record<string, unknown> = {};
    circular["self"] = circular;
    const running = run((conn) => conn.writeJSON(circular));
    expect(await closeCode(running)).toBe(1011);
    expect(running.reports).toEqual([expect.any(TypeError)]);
  });

  it("is reported also when nobody awaits the write, and the connection stays open", async () => {
    const running = run((conn) => {
      void conn.writeJSON(1n);
      void conn.readMessage();
    });
    expect(await isOpen(running)).toBe(true);
    expect(running.reports).toEqual([expect.any(TypeError)]);
    running.conn.terminate();
  });

  it.each([
    [
      "throws",
      () => {
        throw new Error("logger");
      },
    ],
    ["rejects", () => Promise.reject(new Error("logger"))],
  ])(
    "a report that %s neither crashes the process nor keeps the connection open",
    async (_how, report) => {
      const log = vi.spyOn(console, "error").mockImplementation(() => {});
      const watch = watchForCrashes();
      const { conn, peer } = connAndRawPeer("server");
      // oxlint-disable-next-line typescript/no-misused-promises -- users do give async functions here
      runHandler(conn, () => Promise.reject(new Error("handler")), report);
      expect((await peer.readClose()).code).toBe(1011);
      conn.terminate();
      await watch.stop();
      expect(log.mock.calls).toEqual([[expect.objectContaining({ message: "logger" })]]);
    },
  );
});

describe("conn.hold()", () => {
  it("keeps nothing open that the peer closes", async () => {
    const running = run((conn) => void conn.hold());
    running.peer.send(rawClose(1000));
    expect(await running.conn.closed).toMatchObject({ code: 1000, wasClean: true });
  });

  it("lets go without harm when the connection has ended", async () => {
    const { conn } = connAndRawPeer("server");
    const hold = conn.hold();
    conn.terminate();
    await conn.closed;
    expect(() => hold[Symbol.dispose]()).not.toThrow();
  });

  it("does not close before the handler is done", async () => {
    const gate = deferred();
    const running = run(async (conn) => {
      await conn.readMessage();
      conn.hold()[Symbol.dispose]();
      await gate.promise;
    }, rawText("one"));
    expect(await isOpen(running)).toBe(true);
    gate.resolve();
    expect(await closeCode(running)).toBe(1000);
  });
});

describe("openConn", () => {
  it("hands on a socket that is gone already", async () => {
    const { conn: first } = connAndRawPeer("server");
    first.terminate();
    await first.closed;
    const conn = openConn(first.netConn, Buffer.alloc(0), {
      role: "server",
      options: {},
      subprotocol: "",
      extensions: "",
    });
    expect(await conn.closed).toMatchObject({ code: 1006 });
    expect(await rejectionOf(conn.readMessage())).toMatchObject({ code: 1006 });
  });
});
