/** What ends a dial early, in each of its phases: the clock, the caller's signal, a reset, an answer that is none. */
import { getEventListeners } from "node:events";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { connect as tlsConnect } from "node:tls";
import { Dialer, type DialPhase, type DialerOptions } from "@longwire/engine";
import { deferred, within, type RawPeer } from "@longwire/testkit";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { CA, SERVER } from "./certificates.ts";
import { failOnCrash, failure, open, refusal } from "./dialing.ts";
import { startHttpProxy, startSocksProxy } from "./proxies.ts";
import { answerWith, startEcho, startRaw, switching } from "./servers.ts";

failOnCrash();

/** Aborts as soon as `phase` has begun, and what begins it is under way. */
function abortIn(
  phase: DialPhase,
  reason: unknown,
): Pick<DialerOptions, "trace"> & { signal: AbortSignal } {
  const controller = new AbortController();
  return {
    signal: controller.signal,
    trace: (event) => {
      if (event.phase === phase) setImmediate(() => controller.abort(reason));
    },
  };
}

interface Stalled {
  readonly url: string;
  readonly options?: DialerOptions;
  /** Connections that must be gone afterwards. */
  readonly sockets: () => readonly { readonly destroyed: boolean }[] | Promise<unknown>;
}

/** Everything that can hang, each in the phase in which it does. */
const STALLS: ReadonlyArray<
  readonly [what: string, phase: DialPhase, stall: () => Promise<Stalled>]
> = [
  [
    "a proxy function",
    "route",
    async () => ({
      url: "ws://a.example/",
      options: { proxy: () => new Promise<undefined>(() => {}) },
      sockets: () => [],
    }),
  ],
  [
    "a cookie jar",
    "route",
    async () => ({
      url: "ws://a.example/",
      options: {
        jar: { getCookieString: () => new Promise<string>(() => {}), setCookie: () => {} },
      },
      sockets: () => [],
    }),
  ],
  [
    "DNS",
    "connect",
    async () => {
      const sockets: Socket[] = [];
      const netDial = (): Socket => {
        const socket = connect({ host: "a.example", port: 80, lookup: () => {} }); // never answers
        sockets.push(socket);
        return socket;
      };
      return { url: "ws://a.example/", options: { netDial }, sockets: () => sockets };
    },
  ],
  [
    "the hook netDial",
    "connect",
    async () => ({
      url: "ws://a.example/",
      options: { netDial: () => new Promise<Duplex>(() => {}) },
      sockets: () => [],
    }),
  ],
  [
    "a TLS handshake",
    "tls",
    async () => {
      const server = await startRaw();
      return {
        url: server.url.replace("ws:", "wss:"),
        sockets: async () => (await server.peers.next()).ended(),
      };
    },
  ],
  [
    "an HTTP proxy",
    "proxy",
    async () => {
      const proxy = await startRaw();
      return {
        url: "ws://a.example/",
        options: { proxy: proxy.url.replace("ws:", "http:") },
        sockets: async () => (await proxy.peers.next()).ended(),
      };
    },
  ],
  [
    "a SOCKS proxy",
    "proxy",
    async () => {
      const proxy = await startSocksProxy({ hang: true });
      return {
        url: "ws://a.example/",
        options: { proxy: proxy.url },
        sockets: async () => closed(await proxy.clients.next()),
      };
    },
  ],
  [
    "TLS behind a proxy",
    "tls",
    async () => {
      const server = await startRaw();
      const proxy = await startHttpProxy();
      return {
        url: server.url.replace("ws:", "wss:"),
        options: { proxy: proxy.url },
        sockets: async () => closed(await proxy.clients.next()),
      };
    },
  ],
  [
    "TLS in TLS behind a proxy",
    "tls",
    async () => {
      const proxy = await startRaw();
      return {
        url: "wss://a.example/",
        options: { proxy: proxy.url.replace("ws:", "https:") },
        sockets: async () => (await proxy.peers.next()).ended(),
      };
    },
  ],
  [
    "the settings of HTTP/2",
    "settings",
    async () => {
      const server = await startRaw(() => {}, { ...SERVER, ALPNProtocols: ["h2"] });
      return {
        url: server.url,
        options: { tls: { ca: CA }, http2: true },
        sockets: async () => (await server.peers.next()).ended(),
      };
    },
  ],
  [
    "the response",
    "response",
    async () => {
      const server = await startRaw();
      return { url: server.url, sockets: async () => (await server.peers.next()).ended() };
    },
  ],
  [
    "the response over TLS",
    "response",
    async () => {
      const server = await startRaw(() => {}, SERVER);
      return {
        url: server.url,
        options: { tls: { ca: CA } },
        sockets: async () => (await server.peers.next()).ended(),
      };
    },
  ],
  [
    "a jar that stores",
    "response",
    async () => {
      const server = await startRaw(answerWith(switching("Set-Cookie: a=b\r\n")));
      const jar = { getCookieString: () => "", setCookie: () => new Promise(() => {}) };
      return {
        url: server.url,
        options: { jar },
        sockets: async () => (await server.peers.next()).ended(),
      };
    },
  ],
];

const DOING: Readonly<Record<DialPhase, string>> = {
  route: "choosing the way to a.example:80",
  connect: "connecting to a.example:80",
  tls: "in the TLS handshake with ",
  proxy: "waiting for the proxy 127.0.0.1:",
  settings: "waiting for the HTTP/2 settings of 127.0.0.1:",
  response: "waiting for the response of 127.0.0.1:",
  open: "",
};

async function closed(socket: Socket): Promise<void> {
  const gone = deferred();
  socket.once("close", () => gone.resolve());
  if (!socket.destroyed) await within(gone.promise, "the end of the client");
}

/** Awaits the end of whatever the stalled dial had opened. */
async function areGone(stalled: Stalled): Promise<boolean> {
  const sockets = await stalled.sockets();
  return !Array.isArray(sockets) || sockets.every((socket: Socket) => socket.destroyed);
}

describe.each(STALLS)("while waiting for %s", (_, phase, stall) => {
  it("an abort ends the dial with its reason, and no socket is left", async () => {
    const stalled = await stall();
    const reason = { not: "even an Error" };
    const error = await failure(stalled.url, { ...stalled.options, ...abortIn(phase, reason) });
    expect(error).toBe(reason);
    expect(await areGone(stalled)).toBe(true);
  });

  it("the clock ends it and says what was being done (gorilla TestHandshakeTimeout)", async () => {
    const stalled = await stall();
    // The clock goes on when the phase has begun, so that a slow machine does not end another one.
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const error = await failure(stalled.url, {
      ...stalled.options,
      handshakeTimeout: 150,
      trace: (event) => {
        if (event.phase === phase) setImmediate(() => vi.advanceTimersByTime(150));
      },
    });
    vi.useRealTimers();
    expect(error).toMatchObject({ name: "DeadlineError", code: "WS_HANDSHAKE_TIMEOUT" });
    expect(String(error)).toContain(`no connection within 150 ms, given up while ${DOING[phase]}`);
    expect(await areGone(stalled)).toBe(true);
  });
});

describe("the signal", () => {
  it("that is aborted before stops everything (gorilla TestHandshakeTimeoutInContext)", async () => {
    const server = await startRaw();
    const reason = new Error("no");
    expect(await failure(server.url, { signal: AbortSignal.abort(reason) })).toBe(reason);
    expect(server.peers.all).toHaveLength(0);
  });

  it("with a timeout rejects with the timeout's error", async () => {
    const server = await startRaw();
    const error = await failure(server.url, { signal: AbortSignal.timeout(50) });
    expect(error).toMatchObject({ name: "TimeoutError" });
  });

  it("reaches the hooks, and a socket that a hook gives too late is destroyed", async () => {
    const server = await startRaw();
    const late = deferred<Socket>();
    const controller = new AbortController();
    const asked = deferred<AbortSignal>();
    const failed = failure(server.url, {
      signal: controller.signal,
      netDial: (_to, { signal }) => {
        asked.resolve(signal);
        return late.promise;
      },
    });
    const signal = await asked.promise;
    controller.abort(new Error("over"));
    expect(signal.aborted).toBe(true);
    await failed;
    const socket = connect(server.port, "127.0.0.1");
    late.resolve(socket);
    await closed(socket);
  });

  it("is left without listeners after a dial, however it ended", async () => {
    const { signal } = new AbortController();
    const server = await startEcho();
    await open(server.url, { signal });
    const refusing = await startRaw(answerWith("HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n"));
    await refusal(refusing.url, { signal });
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });
});

describe("a handshake of 45 s", () => {
  it("is the default; other dials of the same Dialer have their own", async () => {
    const server = await startRaw();
    const dialer = new Dialer({ handshakeTimeout: 100 });
    const first = dialer.dial(server.url).catch((error: unknown) => error);
    const second = dialer
      .dial(server.url, { signal: AbortSignal.abort(1) })
      .catch((error: unknown) => error);
    expect(await second).toBe(1);
    expect(await first).toMatchObject({ code: "WS_HANDSHAKE_TIMEOUT" });
  });

  it("is not stretched by a response that trickles in", async () => {
    const server = await startRaw(async (peer) => {
      await peer.readUntil("\r\n\r\n");
      peer.send("HTTP/1.1 101 Switching Protocols\r\n");
      const timer = setInterval(() => peer.send("A: b\r\n"), 20);
      onTestFinished(() => clearInterval(timer));
    });
    const error = await failure(server.url, { handshakeTimeout: 300 });
    expect(error).toMatchObject({ code: "WS_HANDSHAKE_TIMEOUT" });
    await (await server.peers.next()).ended();
  });

  it("is not stretched by a body that trickles in: the refusal is told", async () => {
    const server = await startRaw(async (peer) => {
      await answerWith("HTTP/1.1 503 X\r\n\r\n")(peer);
      const timer = setInterval(() => peer.send("."), 10);
      onTestFinished(() => clearInterval(timer));
    });
    const error = await refusal(server.url, { handshakeTimeout: 700 });
    expect(error.status).toBe(503);
    expect(error.response?.body.toString()).toMatch(/^\.+$/u);
  });
});

describe("responses that are none", () => {
  it.each([
    ["another protocol", "SSH-2.0-OpenSSH_9.2p1\r\n"],
    ["a TLS alert", "\u0015\u0003\u0003\u0000\u0002\u0002\u0046"],
    ["HTTP/2", "\u0000\u0000\u0012\u0004\u0000"],
    ["a line with LF alone", "HTTP/1.1 101 X\nUpgrade: websocket\n\n"],
    ["a folded line", "HTTP/1.1 101 X\r\nA: b\r\n c\r\n\r\n"],
    ["a head of more than 64 KiB", `HTTP/1.1 101 X\r\nA: ${"a".repeat(70_000)}`],
    ["2,000 headers and more", `HTTP/1.1 101 X\r\n${"A: b\r\n".repeat(20_000)}\r\n`],
  ])("%s: fails at once, and closes", async (_, text) => {
    const server = await startRaw(answerWith(Buffer.from(text, "latin1")));
    const error = await refusal(server.url);
    expect(error).toMatchObject({ code: "WS_BAD_HANDSHAKE", status: 0 });
    await (await server.peers.next()).ended();
  });

  it("2,001 short headers are no trouble (CVE-2024-37890)", async () => {
    const server = await startRaw(answerWith(switching("A: b\r\n".repeat(2001))));
    const { response } = await open(server.url);
    expect(response.headers["a"]).toHaveLength(2001 * 3 - 2);
  });
});

describe("a connection that ends", () => {
  const partial = "HTTP/1.1 101 Switching Protocols\r\nUpg";

  const asked = async (peer: RawPeer): Promise<void> => void (await peer.readUntil("\r\n\r\n"));
  const interrupted = answerWith(partial);

  it.each<[when: string, before: (peer: RawPeer) => unknown, end: "end" | "reset"]>([
    ["with FIN at once", () => {}, "end"],
    ["with FIN behind the request", asked, "end"],
    ["with RST behind the request", asked, "reset"],
    ["with FIN in the response", interrupted, "end"],
    ["with RST in the response", interrupted, "reset"],
  ])("%s: WS_HANDSHAKE_ABORTED", async (_, before, end) => {
    const server = await startRaw(async (peer) => {
      await before(peer);
      peer[end]();
    });
    const error = await refusal(server.url);
    expect(error).toMatchObject({ code: "WS_HANDSHAKE_ABORTED", status: 0 });
    expect(error.message).toContain(`no response from 127.0.0.1:${server.port}: `);
    expect(error.cause).toBeInstanceOf(Error);
  });

  it("with RST at once: may be over before it was a connection", async () => {
    const server = await startRaw((peer) => peer.reset());
    const error = await refusal(server.url);
    expect(["WS_DIAL_FAILED", "WS_HANDSHAKE_ABORTED"]).toContain(error.code);
    expect(error.cause).toBeInstanceOf(Error);
  });

  it.each<[how: string, end: (peer: RawPeer) => unknown]>([
    ["FIN", (peer) => peer.end()],
    ["RST", (peer) => peer.reset()],
  ])("with %s in the TLS handshake: WS_DIAL_FAILED", async (_, end) => {
    const server = await startRaw(async (peer) => {
      await peer.readBytes(10); // of the ClientHello
      end(peer);
    });
    const error = await refusal(server.url.replace("ws:", "wss:"));
    expect(error).toMatchObject({ code: "WS_DIAL_FAILED", status: 0 });
    expect(error.message).toContain(`no TLS with 127.0.0.1:${server.port}: `);
  });

  it.each<[how: string, end: (peer: RawPeer) => unknown]>([
    ["FIN", (peer) => peer.end()],
    ["RST", (peer) => peer.reset()],
  ])(
    "with %s while a proxy is asked: WS_HANDSHAKE_ABORTED, and the proxy is named",
    async (_, end) => {
      const proxy = await startRaw(async (peer) => {
        await peer.readUntil("\r\n\r\n");
        end(peer);
      });
      const error = await refusal("ws://a.example/", { proxy: proxy.url.replace("ws:", "http:") });
      expect(error).toMatchObject({ code: "WS_HANDSHAKE_ABORTED" });
      expect(error.message).toContain(`no response from proxy 127.0.0.1:${proxy.port}: `);
    },
  );

  it("right behind the 101 is the end of a Conn, not of a handshake", async () => {
    for (const end of ["end", "reset"] as const) {
      const server = await startRaw(async (peer) => {
        await answerWith(switching())(peer);
        peer[end]();
      });
      const { conn } = await open(server.url);
      await expect(conn.readMessage()).rejects.toMatchObject({ code: 1006 });
      expect(await conn.closed).toMatchObject({ code: 1006, wasClean: false });
    }
  });
});

it("an unknown name is told with Node's error", async () => {
  const error = await refusal("ws://no-such-host.invalid/", { handshakeTimeout: 9000 });
  expect(error).toMatchObject({ code: "WS_DIAL_FAILED" });
  expect(error.cause).toMatchObject({ syscall: "getaddrinfo" });
});

it("a hook may return a socket that has failed already", async () => {
  const failing = connect({ host: "127.0.0.1", port: 1, lookup: () => {} });
  failing.destroy(new Error("by the test"));
  failing.on("error", () => {});
  const error = await refusal("ws://a.example/", { netDial: () => failing });
  expect(error).toMatchObject({ code: "WS_DIAL_FAILED" });
});

it("a hook may return a TLS socket whose handshake is not over: nothing is sent before", async () => {
  const server = await startEcho({ tls: SERVER });
  const { conn } = await open(server.url, {
    tlsDial: () => tlsConnect({ port: server.port, host: "127.0.0.1", ca: CA }),
  });
  expect(conn.readyState).toBe(1);
  const untrusted = await refusal(server.url, {
    tlsDial: () => tlsConnect({ port: server.port, host: "127.0.0.1" }),
    headers: { Authorization: "secret" },
  });
  expect(untrusted).toMatchObject({ code: "WS_DIAL_FAILED" });
  expect(server.requests.all).toHaveLength(1);
});
