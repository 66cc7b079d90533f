/** Every program of the README runs. */
import { mkdirSync, writeFileSync } from "node:fs";
import type { Server } from "node:http";
import { fileURLToPath } from "node:url";
import { connect } from "@longwire/koa/testing";
import {
  buildWorkspace,
  programsOf,
  replaced,
  runNode,
  runProgram,
  TestServer,
} from "@longwire/testkit";
import type Koa from "koa";
import { describe, expect, it, onTestFinished, vi } from "vitest";

const PACKAGE = fileURLToPath(new URL("..", import.meta.url));
const README = new URL("../README.md", import.meta.url);
const [quickStart, routed, both, upgraded, sessions, proxy, contract, errors, closing, testing] =
  programsOf(README).map(String);

const IMPORTS = `
import { isWebSocketUpgrade, upgrades, websocket, type Messages } from "@longwire/koa";
import Router from "@koa/router";
import Koa from "koa";
import session from "koa-session";
import { z } from "zod";
`;

/** What the README's later examples take as given. */
const GIVEN = `${IMPORTS}
export const app = new Koa();
const requireUser = (ctx, next) => {
  ctx.state.user = { name: "Ada" };
  return next();
};
export const logged = [];
const log = { error: (...values) => logged.push(values) };
`;

async function appOf(program: string): Promise<Koa> {
  const { app } = await runProgram(program, import.meta.url);
  return app as Koa; // exported by the program
}

async function firstText(app: Koa, path: string, headers = {}): Promise<string> {
  await using conn = await connect(app, path, { headers });
  return (await conn.readMessage()).text();
}

describe("the README", () => {
  it("starts quickly", async () => {
    const program = replaced(String(quickStart), "listen(3000)", 'listen(0, "127.0.0.1")');
    const { server } = await runProgram(`${program}\nexport { server };`, import.meta.url);
    const listening = await TestServer.of(server as Server); // exported above
    const peer = await listening.ws("/chat/blue");
    expect(await peer.next()).toBe("welcome to /chat/blue");
    peer.send("hello");
    expect(await peer.next()).toBe("hello");
    await peer.close();
  });

  it("declares routes, and a page with a socket", async () => {
    const app = await appOf(`${GIVEN}${routed}${both}`);
    expect(await firstText(app, "/chat/blue")).toBe("Ada is in blue");
    await using lobby = await connect(app, "/lobby");
    lobby.send("louder");
    expect((await lobby.readMessage()).text()).toBe("LOUDER");
    const server = await TestServer.of(app.listen(0, "127.0.0.1"));
    expect((await server.get("/lobby")).body).toBe("<h1>Lobby</h1>");
  });

  it("upgrades in the middle of the chain", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    onTestFinished(() => void vi.useRealTimers());
    const app = await appOf(`${GIVEN}${upgraded}`);
    await using conn = await connect(app, "/clock", { subprotocols: ["time"] });
    expect(conn.subprotocol).toBe("time");
    await expect.poll(() => vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(Date.parse((await conn.readMessage()).text())).not.toBeNaN();
    await conn.close();
    await expect.poll(() => vi.getTimerCount()).toBe(0);
    await expect(connect(app, "/elsewhere")).rejects.toMatchObject({ status: 404 });
  });

  it("keeps sessions", async () => {
    const app = await appOf(`${GIVEN}${sessions}`);
    await using first = await connect(app, "/");
    expect((await first.readMessage()).text()).toBe("visit 1");
    const given = [first.response.headers["set-cookie"]].flat();
    const Cookie = given.map((line) => line?.split(";", 1)[0]).join("; ");
    expect(await firstText(app, "/", { Cookie })).toBe("visit 2");
  });

  it("stands behind a proxy", async () => {
    const route = "app.use(websocket((conn) => conn.send(conn.remoteAddress)));";
    const app = await appOf(`${IMPORTS}${proxy}${route}\nexport { app };`);
    const headers = {
      Origin: "https://chat.example.com",
      "X-Forwarded-Host": "chat.example.com",
      "X-Forwarded-For": "198.51.100.7, 203.0.113.9",
    };
    expect(await firstText(app, "/", headers)).toBe("203.0.113.9");
  });

  it("types and checks messages", async () => {
    const app = await appOf(
      `${GIVEN}const router = new Router();${contract}app.use(router.routes());`,
    );
    await using conn = await connect(app, "/chat");
    await conn.writeJSON({ say: "hello" });
    expect(await conn.readJSON()).toEqual({ said: "hello", at: expect.any(String) });
    await conn.writeJSON({ shout: "hello" });
    expect(await conn.closed).toMatchObject({ code: 1007 });
  });

  it("hears of errors before and after the 101", async () => {
    const routes = `
      app.use((ctx) => {
        if (ctx.path === "/before") throw new Error("before");
        return websocket(ctx, () => { throw new Error("after"); });
      });
    `;
    const { app, logged } = await runProgram(`${GIVEN}${routes}${errors}`, import.meta.url);
    const koa = app as Koa; // exported above
    await expect(connect(koa, "/before")).rejects.toMatchObject({ status: 500 });
    await using conn = await connect(koa, "/after");
    expect(await conn.closed).toMatchObject({ code: 1011 });
    expect(logged).toMatchObject([
      [{ message: "before" }, "/before"],
      [{ message: "after" }, "/after"],
    ]);
  });

  it("closes its server at a signal", async () => {
    const program = replaced(String(quickStart), "listen(3000)", 'listen(0, "127.0.0.1")');
    const once = replaced(String(closing), 'process.once("SIGTERM", ', "export const onSignal = (");
    const { server, onSignal } = await runProgram(
      `${program}\nexport { server };\n${once}`,
      import.meta.url,
    );
    const listening = await TestServer.of(server as Server); // exported above
    const peer = await listening.ws("/");
    (onSignal as () => void)(); // the arrow function that the program gives to `once`
    expect((await peer.awaitClosed()).code).toBe(1001);
  });

  it("tests an app with node:test", async () => {
    const folder = new URL("artifacts/node-test/", import.meta.url);
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      new URL("app.js", folder),
      `
      import { websocket } from "@longwire/koa";
      import Koa from "koa";
      export const app = new Koa();
      app.silent = true;
      app.use((ctx, next) => (ctx.get("Authorization") === "" ? ctx.throw(401) : next()));
      app.use(websocket(async (conn) => {
        for await (const message of conn) await conn.writeMessage(message.type, message.data);
      }));
      `,
    );
    writeFileSync(new URL("echo.test.js", folder), String(testing));
    writeFileSync(new URL("package.json", folder), '{ "type": "module" }');
    buildWorkspace(PACKAGE);
    const args = ["--test", "--test-reporter=tap"];
    const { code, stdout } = await runNode(fileURLToPath(folder), args);
    expect(stdout).toMatch(/^# pass 2$/mu);
    expect(code).toBe(0);
  });
});
