/** What goes wrong with the WebSockets of @hono/node-server 2.1 and @hono/node-ws 1.3, and does not here. */
import { deferred, Inbox, requestText, RawPeer, watchForCrashes } from "@longwire/testkit";
import { Hono } from "hono";
import { logger } from "hono/logger";
import { describe, expect, it, onTestFinished } from "vitest";
import { upgradeWebSocket, websocket, type Conn } from "../src/index.ts";
import { served } from "./served-app.ts";

const echo = async (conn: Conn): Promise<void> => {
  for await (const message of conn) await conn.writeMessage(message.type, message.data);
};

describe("a WebSocket route of Hono", () => {
  it("1: leaves `Upgrade: h2c` to HTTP instead of keeping its socket open for ever", async () => {
    const app = new Hono();
    app.get("/page", (c) => c.text("plain"));
    const { port } = await served(app);
    const peer = await RawPeer.connect(port);
    onTestFinished(() => peer[Symbol.dispose]());
    const fields = {
      Host: `127.0.0.1:${port}`,
      Upgrade: "h2c",
      Connection: "Upgrade, HTTP2-Settings",
      "HTTP2-Settings": "AAMAAABkAAQCAAAAAAIAAAAA",
    };
    peer.send(requestText("/page", fields));
    expect(await peer.readResponse()).toMatchObject({ status: 200, body: "plain" });
  });

  it("2: sends the body of a refusal", async () => {
    const app = new Hono();
    app.get("/", (c) => c.json({ error: "unauthorized" }, 401), websocket(echo));
    const answer = await (await served(app)).refused("/");
    expect([answer.status, answer.body]).toEqual([401, '{"error":"unauthorized"}']);
    expect(answer.header("content-length")).toBe("24");
  });

  it("3: refuses also when the server has another upgrade listener", async () => {
    const app = new Hono();
    app.get("/", (c) => c.text("no", 403), websocket(echo));
    const server = await served(app);
    server.server.on("upgrade", () => {});
    expect(await server.refused("/")).toMatchObject({ status: 403, body: "no" });
  });

  it("4: gives rejections of async callbacks to onError instead of ending the process", async () => {
    const watch = watchForCrashes();
    const errors = new Inbox<unknown>("an error");
    const app = new Hono();
    const fault = new Error("async");
    const fail = (): Promise<never> => Promise.reject(fault);
    app.get(
      "/",
      upgradeWebSocket(() => ({ onOpen: fail, onMessage: fail }), {
        onError: (error) => errors.push(error),
      }),
    );
    const peer = await (await served(app)).ws("/");
    peer.send("message");
    expect([await errors.next(), await errors.next()]).toEqual([fault, fault]);
    await watch.stop();
  });

  it("5: is logged once by hono/logger, with 200, since a Response cannot be a 101", async () => {
    const lines: string[] = [];
    const app = new Hono();
    app.use(logger((line) => lines.push(line)));
    app.get("/ws", websocket(echo));
    const peer = await (await served(app)).ws("/ws");
    await peer.roundTrip();
    expect(lines).toHaveLength(2);
    expect(lines[1]).toMatch(/^--> GET \/ws .*200/u);
  });

  it("6: does not keep server.close() from finishing", async () => {
    const app = new Hono();
    app.get("/", websocket(echo));
    const server = await served(app);
    const peer = await server.ws("/");
    const closed = deferred();
    server.server.close(() => closed.resolve());
    expect((await peer.awaitClosed()).code).toBe(1001);
    await closed.promise;
  });

  it("8: tells when to stop sending, and waits for the peer", async () => {
    const signs = new Inbox<boolean>("a call of send");
    const app = new Hono();
    app.get(
      "/",
      websocket(async (conn) => {
        const large = Buffer.alloc(1 << 20);
        signs.push(conn.send("small"));
        signs.push(conn.send(large));
        await conn.drained();
        signs.push(conn.send("again"));
      }),
    );
    const peer = await (await served(app)).ws("/");
    expect(await peer.next()).toBe("small");
    expect(await peer.next()).toHaveLength(1 << 20);
    expect(await peer.next()).toBe("again");
    expect(signs.all).toEqual([true, false, true]);
  });

  it("9: runs behind the app's middleware without any further call", async () => {
    const app = new Hono();
    app.use("/admin/*", async (c) => c.text("forbidden", 403));
    app.get("/admin/ws", websocket(echo));
    expect(await (await served(app)).refused("/admin/ws")).toMatchObject({ status: 403 });
  });

  it("10: answers with a real 101, which a Response cannot be", async () => {
    const app = new Hono();
    app.get("/", websocket(echo));
    const peer = await (await served(app)).raw("/");
    const answer = await peer.readResponse();
    expect([answer.status, answer.statusText]).toEqual([101, "Switching Protocols"]);
  });
});
