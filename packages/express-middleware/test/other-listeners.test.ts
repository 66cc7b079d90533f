/** Other libraries that listen to `upgrade` on the same server keep their sockets, and we keep ours. */
import { createServer as createHttpServer } from "node:http";
import { TestServer } from "@longwire/testkit";
import { Server as EngineIo } from "engine.io";
import { createServer as createVite } from "vite";
import { describe, expect, it, onTestFinished } from "vitest";
import { attach, websocket } from "../src/index.ts";
import { echo, quietApp, VERSIONS } from "./app.ts";

describe.each(VERSIONS)("%s", (_version, express) => {
  const ours = () => {
    const app = quietApp(express);
    app.get("/slow", (_request, _response, next) => void setTimeout(next, 30), websocket(echo));
    app.get("/ws", websocket(echo));
    app.get("/no", (_request, response) => void response.status(403).send("no"));
    return app;
  };

  async function expectOurs(server: TestServer): Promise<void> {
    for (const path of ["/ws", "/slow"]) {
      const peer = await server.ws(path);
      peer.send("ours");
      expect(await peer.next()).toBe("ours");
    }
    expect(await server.refused("/no")).toMatchObject({ status: 403, body: "no" });
  }

  it.each(["before", "after"])("beside engine.io, attached %s us", async (when) => {
    const app = ours();
    const listening = createHttpServer(app);
    const engine = new EngineIo({ transports: ["polling", "websocket"] });
    engine.on("connection", (socket) => {
      socket.on("message", (text: unknown) => socket.send(`engine.io ${String(text)}`));
    });
    onTestFinished(() => void engine.close());
    const join = (): void => engine.attach(listening, { destroyUpgrade: false });
    if (when === "before") join();
    const attachment = attach(listening, app);
    if (when === "after") join();
    const server = await TestServer.of(listening.listen(0, "127.0.0.1"), attachment);
    const theirs = await server.ws("/engine.io/?EIO=4&transport=websocket");
    expect(String(await theirs.next())).toMatch(/^0\{"sid"/u); // its open packet
    theirs.send("4hello");
    expect(await theirs.next()).toBe("4engine.io hello");
    const polled = await server.get("/engine.io/?EIO=4&transport=polling");
    expect([polled.status, polled.body.slice(0, 7)]).toEqual([200, '0{"sid"']);
    await expectOurs(server);
  });

  it("beside engine.io that decides later, told apart by `only`", async () => {
    const app = ours();
    const listening = createHttpServer(app);
    const engine = new EngineIo({
      allowRequest: (_request, callback) => void setTimeout(callback, 10, null, true),
    });
    onTestFinished(() => void engine.close());
    engine.attach(listening, { destroyUpgrade: false });
    const only = ({ url = "" }) => !url.startsWith("/engine.io/");
    const attachment = attach(listening, app, { only });
    const server = await TestServer.of(listening.listen(0, "127.0.0.1"), attachment);
    const theirs = await server.ws("/engine.io/?EIO=4&transport=websocket");
    expect(String(await theirs.next())).toMatch(/^0\{"sid"/u);
    await expectOurs(server);
  });

  it("beside the hot module replacement of Vite in middleware mode", async () => {
    const app = ours();
    const listening = createHttpServer(app);
    const vite = await createVite({
      configFile: false,
      root: import.meta.dirname,
      cacheDir: `${import.meta.dirname}/artifacts/vite`,
      appType: "custom",
      logLevel: "silent",
      optimizeDeps: { noDiscovery: true, include: [] },
      server: { middlewareMode: true, hmr: { server: listening }, watch: null },
    });
    onTestFinished(() => vite.close());
    app.use(vite.middlewares);
    const attachment = attach(listening, app);
    const server = await TestServer.of(listening.listen(0, "127.0.0.1"), attachment);
    const origin = `http://${server.host}`;
    const token = vite.config.webSocketToken;
    const theirs = await server.ws(`/?token=${token}`, { subprotocols: ["vite-hmr"], origin });
    expect(await theirs.next()).toBe('{"type":"connected"}');
    await expectOurs(server);
  });
});
