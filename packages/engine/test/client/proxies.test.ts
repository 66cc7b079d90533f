/** Proxies that really relay: gorilla's matrix, with 128 KiB echoed through each, and what can go wrong on the way. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { connect as tlsConnect } from "node:tls";
import { Dialer, type DialAddress, type DialerOptions } from "@longwire/engine";
import { within } from "@longwire/testkit";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { CA, OTHER_NAME, PROXY, PROXY_CA, SERVER } from "./certificates.ts";
import { echoes, failOnCrash, failure, LARGE, open, refusal } from "./dialing.ts";
import { startHttpProxy, startSocksProxy, type Proxy } from "./proxies.ts";
import { closedPort, startEcho, startRaw, type EchoServer } from "./servers.ts";

failOnCrash();

const BOTH = [CA, PROXY_CA];

/** Every hop of a matrix row: what is started, and which hooks are there. */
interface Row {
  readonly proxy: "http" | "https" | "socks5" | "socks5h";
  readonly backend: "ws" | "wss";
  /** Hooks that are given; each connects to the proxy and to nobody else. */
  readonly hooks?: ReadonlyArray<"netDial" | "tlsDial">;
  /** The hook that must be asked, once; "" for none. */
  readonly asked?: "netDial" | "tlsDial" | "";
  /** Authorities that `tls` has; a hook for TLS brings its own. */
  readonly ca: string | string[];
}

const MATRIX: readonly Row[] = [
  { proxy: "http", backend: "ws", ca: [] },
  { proxy: "http", backend: "ws", hooks: ["netDial"], asked: "netDial", ca: [] },
  { proxy: "http", backend: "ws", hooks: ["netDial", "tlsDial"], asked: "netDial", ca: [] },
  { proxy: "http", backend: "wss", ca: CA },
  { proxy: "http", backend: "wss", hooks: ["netDial"], asked: "netDial", ca: CA },
  { proxy: "http", backend: "wss", hooks: ["tlsDial"], asked: "", ca: CA },
  { proxy: "https", backend: "wss", ca: BOTH },
  { proxy: "https", backend: "wss", hooks: ["netDial"], asked: "netDial", ca: BOTH },
  { proxy: "https", backend: "wss", hooks: ["tlsDial"], asked: "tlsDial", ca: CA },
  { proxy: "https", backend: "wss", hooks: ["netDial", "tlsDial"], asked: "tlsDial", ca: CA },
  { proxy: "https", backend: "ws", ca: PROXY_CA },
  { proxy: "https", backend: "ws", hooks: ["tlsDial"], asked: "tlsDial", ca: [] },
  { proxy: "socks5", backend: "ws", ca: [] },
  { proxy: "socks5", backend: "ws", hooks: ["netDial"], asked: "netDial", ca: [] },
  { proxy: "socks5", backend: "wss", ca: CA },
  { proxy: "socks5h", backend: "ws", ca: [] },
  { proxy: "socks5h", backend: "wss", hooks: ["tlsDial"], asked: "", ca: CA },
];

async function startProxy(kind: Row["proxy"]): Promise<Proxy> {
  if (kind === "http") return startHttpProxy();
  if (kind === "https") return startHttpProxy({ tls: PROXY });
  const proxy = await startSocksProxy();
  return { ...proxy, url: proxy.url.replace("socks5h", kind) };
}

async function startBackend(kind: Row["backend"]): Promise<EchoServer> {
  return startEcho(kind === "ws" ? {} : { tls: SERVER });
}

function dialHooks(row: Row, calls: Array<{ hook: string; to: DialAddress }>): DialerOptions {
  const { hooks = [] } = row;
  const options: { -readonly [K in "netDial" | "tlsDial"]?: DialerOptions[K] } = {};
  if (hooks.includes("netDial")) {
    options.netDial = (to) => {
      calls.push({ hook: "netDial", to });
      return connect(to.port ?? 0, to.host ?? "");
    };
  }
  if (hooks.includes("tlsDial")) {
    options.tlsDial = async (to) => {
      calls.push({ hook: "tlsDial", to });
      const socket = tlsConnect({ port: to.port ?? 0, host: to.host ?? "", ca: PROXY_CA });
      await once(socket, "secureConnect");
      return socket;
    };
  }
  return options;
}

function closed(socket: Socket): Promise<unknown> {
  return within(
    new Promise((resolve) => (socket.destroyed ? resolve(true) : socket.once("close", resolve))),
    "the end of the proxy's client",
  );
}

describe("the proxy matrix", () => {
  it.each(MATRIX)("$proxy: proxy, $backend: backend, hooks $hooks", async (row) => {
    const [proxy, backend] = await Promise.all([startProxy(row.proxy), startBackend(row.backend)]);
    const calls: Array<{ hook: string; to: DialAddress }> = [];
    const dialed = await open(backend.url, {
      proxy: proxy.url,
      tls: { ca: row.ca },
      ...dialHooks(row, calls),
    });
    expect(await echoes(dialed, LARGE)).toBe(true);
    expect(await proxy.asked.next()).toContain(`127.0.0.1:${backend.port}`);
    const { asked = "" } = row;
    const hop = { hook: asked, to: { host: "127.0.0.1", port: proxy.port } };
    expect(calls).toEqual(asked === "" ? [] : [hop]);
    expect(await dialed.conn.close()).toMatchObject({ code: 1000, wasClean: true });
    await closed(await proxy.clients.next());
  });

  it.each(MATRIX.filter(({ hooks }) => hooks === undefined))(
    "$proxy: proxy, $backend: backend: terminate() ends every hop",
    async (row) => {
      const [proxy, backend] = await Promise.all([
        startProxy(row.proxy),
        startBackend(row.backend),
      ]);
      const { conn } = await open(backend.url, { proxy: proxy.url, tls: { ca: row.ca } });
      conn.terminate();
      await closed(await proxy.clients.next());
      const socket = await backend.sockets.next();
      if (socket.readyState !== socket.CLOSED) await once(socket, "close");
      expect(socket.readyState).toBe(socket.CLOSED);
    },
  );
});

describe("HTTP proxies", () => {
  it("are asked with CONNECT for ws:, too (gorilla TestProxyDial)", async () => {
    const [proxy, backend] = await Promise.all([startHttpProxy(), startEcho()]);
    await open(backend.url, { proxy: proxy.url, headers: { Authorization: "of the server" } });
    const host = `127.0.0.1:${backend.port}`;
    expect(await proxy.asked.next()).toBe(`CONNECT ${host} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    expect((await backend.requests.next()).headers["proxy-authorization"]).toBeUndefined();
  });

  it("are told user and password (gorilla TestProxyAuthorizationDial)", async () => {
    const [proxy, backend] = await Promise.all([startHttpProxy(), startEcho()]);
    const url = proxy.url.replace("//", "//us%65r:p%40ss@");
    await open(backend.url, { proxy: url, proxyHeaders: { "X-Proxy": "1" } });
    const head = await proxy.asked.next();
    expect(head).toContain(`\r\nProxy-Authorization: Basic ${btoa("user:p@ss")}\r\nX-Proxy: 1\r\n`);
    const { headers } = await backend.requests.next();
    expect(headers).not.toHaveProperty("proxy-authorization");
    expect(headers).not.toHaveProperty("x-proxy");
  });

  it("that refuse are told apart from servers that do", async () => {
    const body = "a".repeat(2000);
    const proxy = await startHttpProxy({
      answer: `HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 2000\r\n\r\n${body}`,
    });
    const error = await refusal("ws://a.example/", { proxy: proxy.url });
    expect(error).toMatchObject({ code: "WS_PROXY_REFUSED", status: 407 });
    expect(error.message).toBe('proxy answered 407 "Proxy Authentication Required" to CONNECT');
    expect(error.response?.headers["proxy-authenticate"]).toBe("Basic");
    expect(error.response?.body.toString()).toBe(body.slice(0, 1024));
    await closed(await proxy.clients.next());
  });

  it("never lead a redirect astray", async () => {
    const proxy = await startHttpProxy({
      answer: "HTTP/1.1 302 Found\r\nLocation: ws://evil.example/\r\nContent-Length: 0\r\n\r\n",
    });
    const error = await refusal("ws://a.example/", { proxy: proxy.url, followRedirects: 5 });
    expect(error).toMatchObject({ code: "WS_PROXY_REFUSED", status: 302 });
    expect(proxy.asked.all).toHaveLength(1);
  });

  it("that speak another protocol fail the dial", async () => {
    const proxy = await startHttpProxy({ answer: "SSH-2.0-OpenSSH_9.2\r\n" });
    expect(await refusal("ws://a.example/", { proxy: proxy.url })).toMatchObject({
      code: "WS_BAD_HANDSHAKE",
      status: 0,
    });
  });

  it("may send interim responses first", async () => {
    const [proxy, backend] = await Promise.all([
      startHttpProxy({ before: "HTTP/1.1 100 Continue\r\n\r\n" }),
      startEcho({ tls: SERVER }),
    ]);
    expect(
      await echoes(await open(backend.url, { proxy: proxy.url, tls: { ca: CA } }), LARGE),
    ).toBe(true);
  });

  it("may send the server's first bytes together with their answer", async () => {
    // a server that speaks before it is asked, which is a refusal before the request
    const backend = await startRaw((peer) =>
      peer.send("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nfull"),
    );
    const proxy = await startHttpProxy({ glue: true });
    const error = await refusal(backend.url, { proxy: proxy.url });
    expect(error).toMatchObject({ code: "WS_BAD_HANDSHAKE", status: 503 });
    expect(error.response?.body.toString()).toBe("full");
  });

  it("that nobody runs are named", async () => {
    const port = await closedPort();
    const error = await refusal("ws://a.example/", { proxy: `http://127.0.0.1:${port}` });
    expect(error.code).toBe("WS_DIAL_FAILED");
    expect(error.message).toContain(`cannot connect to 127.0.0.1:${port}`);
  });
});

describe("certificates behind proxies (gorilla TestTLSValidationErrors)", () => {
  it("the proxy's is verified before it is asked anything", async () => {
    const [proxy, backend] = await Promise.all([startProxy("https"), startBackend("wss")]);
    const error = await refusal(backend.url, { proxy: proxy.url, tls: { ca: CA } });
    expect(error.code).toBe("WS_DIAL_FAILED");
    expect(error.message).toContain(`no TLS with 127.0.0.1:${proxy.port}`);
    expect(proxy.asked.all).toHaveLength(0);
  });

  it("the server's is verified behind the tunnel", async () => {
    const [proxy, backend] = await Promise.all([startProxy("https"), startBackend("wss")]);
    const error = await refusal(backend.url, { proxy: proxy.url, tls: { ca: PROXY_CA } });
    expect(error.message).toContain(`no TLS with 127.0.0.1:${backend.port}`);
    expect(proxy.asked.all).toHaveLength(1);
    expect(backend.requests.all).toHaveLength(0);
  });

  it("each has options of its own, and the server's name is not looked for at the proxy", async () => {
    const [proxy, backend] = await Promise.all([
      startProxy("https"),
      startEcho({ tls: OTHER_NAME }),
    ]);
    const dialed = await open(backend.url, {
      proxy: proxy.url,
      tls: { ca: BOTH, servername: "other.example" },
    });
    expect(await echoes(dialed, LARGE)).toBe(true);
    const apart = { proxyTls: { ca: PROXY_CA }, tls: { ca: CA, servername: "other.example" } };
    expect(await echoes(await open(backend.url, { proxy: proxy.url, ...apart }))).toBe(true);
    const error = await refusal(backend.url, { proxy: proxy.url, ...apart, proxyTls: {} });
    expect(error.message).toContain(`no TLS with 127.0.0.1:${proxy.port}`);
  });
});

describe("SOCKS5 proxies", () => {
  it("are asked for an address (gorilla TestSocksProxyDial)", async () => {
    const [proxy, backend] = await Promise.all([startSocksProxy(), startEcho()]);
    expect(await echoes(await open(backend.url, { proxy: proxy.url }))).toBe(true);
    expect(await proxy.asked.next()).toBe(`>127.0.0.1:${backend.port}`);
  });

  it("look names up themselves with socks5h:, and get addresses with socks5:", async () => {
    const [proxy, backend] = await Promise.all([startSocksProxy(), startEcho()]);
    await open(`ws://name.example:${backend.port}/`, { proxy: proxy.url });
    expect(await proxy.asked.next()).toBe(`>name.example:${backend.port}`);
    const local = proxy.url.replace("socks5h", "socks5");
    await open(`ws://localhost:${backend.port}/`, { proxy: local });
    expect(await proxy.asked.next()).toMatch(/^>(?:127\.0\.0\.1|0{31}1):\d+$/u);
    const error = await refusal(`ws://name.invalid:${backend.port}/`, { proxy: local });
    expect(error.message).toContain("cannot look up name.invalid: ");
    expect(proxy.asked.all).toHaveLength(2);
  });

  it("get an IPv6 address as one", async () => {
    const [proxy, backend] = await Promise.all([startSocksProxy(), startEcho()]);
    await open(`ws://[2001:db8::1]:${backend.port}/`, { proxy: proxy.url });
    expect(await proxy.asked.next()).toBe(`>20010db8000000000000000000000001:${backend.port}`);
  });

  it("are told user and password", async () => {
    const [proxy, backend] = await Promise.all([
      startSocksProxy({ login: "us:r:pä" }),
      startEcho(),
    ]);
    const url = proxy.url.replace("//", "//us%3Ar:p%C3%A4@");
    expect(await echoes(await open(backend.url, { proxy: url }), LARGE)).toBe(true);
    const error = await refusal(backend.url, { proxy: url.replace("us%3Ar", "other") });
    expect(error).toMatchObject({ code: "WS_PROXY_REFUSED", status: 0 });
    expect((await refusal(backend.url, { proxy: proxy.url })).code).toBe("WS_PROXY_REFUSED");
  });

  it("leave no timer behind that would hold the socket for long", async () => {
    const [proxy, backend] = await Promise.all([startSocksProxy(), startEcho()]);
    const { SocksClient } = await import("socks");
    const called = vi.spyOn(SocksClient, "createConnection");
    onTestFinished(() => called.mockRestore());
    await open(backend.url, { proxy: proxy.url, handshakeTimeout: 5000 });
    await open(backend.url, { proxy: proxy.url, handshakeTimeout: Infinity });
    const [first, second] = called.mock.calls.map(([options]) => options.timeout);
    expect(first).toBeGreaterThan(1000);
    expect(first).toBeLessThanOrEqual(6000);
    expect(second).toBe(600_000);
  });

  it("that refuse are told apart", async () => {
    const proxy = await startSocksProxy({ reply: 5 });
    const error = await refusal("ws://a.example:99/", { proxy: proxy.url });
    expect(error.code).toBe("WS_PROXY_REFUSED");
    expect(error.message).toContain(
      `proxy 127.0.0.1:${proxy.port} opens no connection to a.example:99`,
    );
    expect(error.message).toContain("ConnectionRefused");
    await closed(await proxy.clients.next());
  });

  it.each([
    ["a host name", `ws://${"a".repeat(256)}/`, ""],
    ["a user", "ws://a.example/", `${"u".repeat(256)}@`],
    ["a password", "ws://a.example/", `u:${"p".repeat(256)}@`],
  ])("refuse %s that SOCKS can't carry, and nothing crashes", async (_, url, login) => {
    const proxy = await startSocksProxy();
    const error = await failure(url, { proxy: proxy.url.replace("//", `//${login}`) });
    expect(error).toBeInstanceOf(TypeError);
    expect(String(error)).toContain("at most 255 bytes");
    await closed(await proxy.clients.next());
  });
});

describe("a SOCKS proxy without the package socks", () => {
  afterEach(() => vi.doUnmock("socks"));

  it("says what to install", async () => {
    vi.doMock("socks", () => {
      throw Object.assign(new Error("Cannot find package 'socks'"), {
        code: "ERR_MODULE_NOT_FOUND",
      });
    });
    const proxy = await startSocksProxy();
    const error = await failure("ws://a.example/", { proxy: proxy.url });
    expect(error).toBeInstanceOf(TypeError);
    expect(String(error)).toContain("npm install socks");
    expect(error).toHaveProperty("cause");
  });
});

describe("the option proxy", () => {
  it("as a function gets the URL without user and password, and chooses", async () => {
    const [proxy, backend] = await Promise.all([startHttpProxy(), startEcho()]);
    const asked: string[] = [];
    const url = backend.url.replace("//", "//user:pw@");
    const options: DialerOptions = {
      basicAuth: true,
      proxy: async (to) => {
        asked.push(to.href);
        return new URL(proxy.url);
      },
    };
    expect(await echoes(await open(`${url}a?b`, options))).toBe(true);
    expect(asked).toEqual([`${backend.url}a?b`]);
    expect(proxy.asked.all).toHaveLength(1);
  });

  it.each([undefined, null])(
    "as a function may choose none: %s (gorilla TestProxyFnNilMeansNoProxy)",
    async (none) => {
      const backend = await startEcho();
      expect(await echoes(await open(backend.url, { proxy: () => none }))).toBe(true);
    },
  );

  it("as a function that throws fails the dial with just that (gorilla TestProxyFnErrorIsPropagated)", async () => {
    const thrown = new Error("by the function");
    const throwing = (): never => {
      throw thrown;
    };
    expect(await failure("ws://a.example/", { proxy: throwing })).toBe(thrown);
    expect(await failure("ws://a.example/", { proxy: () => Promise.reject(thrown) })).toBe(thrown);
  });

  it.each(["ftp://a.example", "a.example:80", ""])("must not be %j", async (url) => {
    expect(() => new Dialer({ proxy: url })).toThrow(TypeError);
    expect(await failure("ws://a.example/", { proxy: () => url })).toBeInstanceOf(TypeError);
  });
});
