/** Behind a reverse proxy: `app.proxy` decides whether its word counts for host and address. */
import type Koa from "koa";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { websocket } from "../src/index.ts";
import { served, VERSIONS } from "./app.ts";

/** As nginx sends it with `proxy_set_header X-Forwarded-Host $http_host`, and its own Host. */
const PROXIED = {
  Host: "upstream:3000",
  "X-Forwarded-Host": "chat.example.com",
  "X-Forwarded-For": "203.0.113.9",
};
const ORIGIN = "https://chat.example.com";

/** Keeps the warnings of refused origins off the console. */
function warnings(): () => string[] {
  const spy = vi.spyOn(console, "warn").mockImplementation(() => {});
  onTestFinished(() => spy.mockRestore());
  return () => spy.mock.calls.map(([line]) => String(line));
}

function telling(app: Koa): Koa {
  const short = websocket((conn) => conn.send(String(conn.remoteAddress)));
  return app.use((ctx) =>
    ctx.path === "/call"
      ? websocket(ctx, (conn) => conn.send(String(conn.remoteAddress)))
      : short(ctx),
  );
}

describe.each(VERSIONS)("%s behind a proxy", (_version, App) => {
  it("that app.proxy trusts: the origin check passes", async () => {
    const server = await served(telling(new App({ proxy: true })));
    for (const path of ["/", "/call"]) {
      const peer = await server.ws(path, { origin: ORIGIN, headers: PROXIED });
      expect(await peer.next()).toBe("203.0.113.9");
    }
    const lines = warnings();
    const foreign = await server.refused("/", { origin: "https://evil.example", headers: PROXIED });
    expect(foreign.status).toBe(403);
    expect(lines()).toEqual([
      expect.stringMatching(/"https:\/\/evil\.example".*"chat\.example\.com".*allowedOrigins/u),
    ]);
  });

  it("that is not trusted: its word does not count", async () => {
    warnings();
    const server = await served(telling(new App()));
    expect((await server.refused("/", { origin: ORIGIN, headers: PROXIED })).status).toBe(403);
    const headers = { "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Host": "elsewhere" };
    const peer = await server.ws("/", { origin: `http://${server.host}`, headers });
    expect(await peer.next()).toBe("127.0.0.1");
  });

  it.each([
    ["a port", "chat.example.com:8443", "https://chat.example.com:8443"],
    ["a default port", "chat.example.com:443", "https://chat.example.com"],
    ["several proxies", "chat.example.com, inner", "https://chat.example.com"],
    ["an IPv6 address", "[2001:db8::1]:8080", "http://[2001:db8::1]:8080"],
  ])("names a host with %s", async (_what, host, origin) => {
    const server = await served(telling(new App({ proxy: true })));
    const peer = await server.ws("/", {
      origin,
      headers: { ...PROXIED, "X-Forwarded-Host": host },
    });
    expect(await peer.next()).toBe("203.0.113.9");
  });

  it("counts maxConnectionsPerAddress for the peers, by maxIpsCount and proxyIpHeader", async () => {
    const app = new App({ proxy: true, maxIpsCount: 1, proxyIpHeader: "X-Real-Peers" });
    app.use(websocket({ maxConnectionsPerAddress: 1 }, (conn) => conn.send("in")));
    const server = await served(app);
    const from = (...addresses: string[]) => ({
      headers: { "X-Real-Peers": addresses.join(", ") },
    });
    expect(await (await server.ws("/", from("203.0.113.1"))).next()).toBe("in");
    expect(await (await server.ws("/", from("203.0.113.2"))).next()).toBe("in");
    // What the peer itself has put in front is not what the proxy saw.
    const again = await server.refused("/", from("198.51.100.7", "203.0.113.1"));
    expect(again.status).toBe(429);
  });
});
