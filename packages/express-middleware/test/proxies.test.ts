/** Behind a reverse proxy: `trust proxy` decides whose word counts for host and address. */
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { websocket } from "../src/index.ts";
import { quietApp, served, VERSIONS, type ExpressModule } from "./app.ts";

/** As nginx sends it with `proxy_set_header X-Forwarded-Host $http_host`, and its own Host. */
const PROXIED = {
  Host: "upstream:3000",
  "X-Forwarded-Host": "chat.example.com",
  "X-Forwarded-For": "203.0.113.9",
  "X-Forwarded-Proto": "https",
};
const ORIGIN = "https://chat.example.com";

function appBehind(express: ExpressModule, trust: unknown): ReturnType<typeof quietApp> {
  const app = quietApp(express);
  app.set("trust proxy", trust);
  app.get(
    "/",
    websocket((conn) => conn.send(String(conn.remoteAddress))),
  );
  app.get("/call", (request) =>
    websocket(request, (conn) => conn.send(String(conn.remoteAddress))),
  );
  return app;
}

/** Keeps the warnings of refused origins off the console. */
function warnings(): () => string[] {
  const spy = vi.spyOn(console, "warn").mockImplementation(() => {});
  onTestFinished(() => spy.mockRestore());
  return () => spy.mock.calls.map(([line]) => String(line));
}

const TRUSTED: ReadonlyArray<readonly [string, unknown]> = [
  ["true", true],
  ["one hop", 1],
  ["a name", "loopback"],
  ["an address", "127.0.0.1"],
  ["a function", (address: string) => address === "127.0.0.1"],
];

describe.each(VERSIONS)("%s behind a proxy", (_version, express) => {
  it.each(TRUSTED)("that %s trusts: the origin check passes", async (_how, trust) => {
    const server = await served(appBehind(express, trust));
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

  it.each([
    ["nobody", false],
    ["another address", "192.0.2.1"],
  ])("that is not trusted (%s): its word does not count", async (_who, trust) => {
    warnings();
    const server = await served(appBehind(express, trust));
    const refusal = await server.refused("/", { origin: ORIGIN, headers: PROXIED });
    expect(refusal.status).toBe(403);
    const { Host, ...forged } = PROXIED;
    const peer = await server.ws("/", { origin: `http://${server.host}`, headers: forged });
    expect(await peer.next()).toBe("127.0.0.1");
    expect(Host).not.toBe(server.host);
  });

  it.each([
    ["a port", "chat.example.com:8443", "https://chat.example.com:8443"],
    ["a default port", "chat.example.com:443", "https://chat.example.com"],
    ["several proxies", "chat.example.com, inner", "https://chat.example.com"],
    ["an IPv6 address", "[2001:db8::1]:8080", "http://[2001:db8::1]:8080"],
  ])("names a host with %s", async (_what, host, origin) => {
    const server = await served(appBehind(express, true));
    const headers = { ...PROXIED, "X-Forwarded-Host": host };
    const peer = await server.ws("/", { origin, headers });
    expect(await peer.next()).toBe("203.0.113.9");
  });

  it("counts maxConnectionsPerAddress for the peers, not for the proxy", async () => {
    const app = quietApp(express);
    app.set("trust proxy", 1);
    app.get(
      "/",
      websocket({ maxConnectionsPerAddress: 1 }, (conn) => conn.send("in")),
    );
    const server = await served(app);
    const from = (...addresses: string[]) => ({
      headers: { "X-Forwarded-For": addresses.join(", ") },
    });
    expect(await (await server.ws("/", from("203.0.113.1"))).next()).toBe("in");
    expect(await (await server.ws("/", from("203.0.113.2"))).next()).toBe("in");
    // What the peer itself has put in front is not what the proxy saw.
    const again = await server.refused("/", from("198.51.100.7", "203.0.113.1"));
    expect(again.status).toBe(429);
  });

  it("is trusted by sub-apps, too", async () => {
    const app = quietApp(express);
    app.set("trust proxy", true);
    const sub = express();
    sub.get(
      "/",
      websocket((conn) => conn.send(String(conn.remoteAddress))),
    );
    app.use("/sub", sub);
    const peer = await (await served(app)).ws("/sub", { origin: ORIGIN, headers: PROXIED });
    expect(await peer.next()).toBe("203.0.113.9");
  });
});
