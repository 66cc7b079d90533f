/** Every program of the README runs. */
import { mkdirSync, writeFileSync } from "node:fs";
import type { Server } from "node:http";
import { fileURLToPath } from "node:url";
import { connect } from "@longwire/express/testing";
import {
  buildWorkspace,
  programsOf,
  replaced,
  runNode,
  runProgram,
  TestServer,
} from "@longwire/testkit";
import type { Application } from "express";
import { describe, expect, it } from "vitest";

const PACKAGE = fileURLToPath(new URL("..", import.meta.url));
const README = new URL("../README.md", import.meta.url);
const [quickStart, short, both, sessions, proxy, contract, errors, closing, testing] =
  programsOf(README).map(String);

/** What the README's later examples take as given. */
const GIVEN = `
import { attach, isWebSocketUpgrade, websocket, type Messages } from "@longwire/express";
import express, { type ErrorRequestHandler, type RequestHandler } from "express";
import session from "express-session";
import { z } from "zod";
export const app = express();
app.set("env", "test");
export const logged = [];
const log = { error: (...values) => logged.push(values) };
const secret = "keyboard cat";
const requireUser = (req, res, next) => {
  req.user = { name: "Ada" };
  next();
};
`;

async function appOf(...programs: ReadonlyArray<string | undefined>): Promise<Application> {
  const { app } = await runProgram(`${GIVEN}${programs.join("\n")}`, import.meta.url);
  return app as Application; // exported above
}

async function firstText(app: Application, path: string, headers = {}): Promise<string> {
  await using conn = await connect(app, path, { headers });
  return (await conn.readMessage()).text();
}

describe("the README", () => {
  it("starts quickly", async () => {
    const program = replaced(String(quickStart), "listen(3000)", 'listen(0, "127.0.0.1")');
    const { server } = await runProgram(`${program}\nexport { server };`, import.meta.url);
    const listening = await TestServer.of(server as Server); // exported above
    const peer = await listening.ws("/chat/blue");
    expect(await peer.next()).toBe("welcome to blue");
    peer.send("hello");
    expect(await peer.next()).toBe("hello");
    await peer.close();
  });

  it("declares routes in two forms, and a page with a socket", async () => {
    const app = await appOf(short, both);
    expect(await firstText(app, "/rooms/blue/7")).toBe("Ada sits on 7");
    await using lobby = await connect(app, "/lobby");
    lobby.send("louder");
    expect((await lobby.readMessage()).text()).toBe("LOUDER");
    const server = await TestServer.of(app.listen(0, "127.0.0.1"));
    expect((await server.get("/lobby")).body).toBe("<h1>Lobby</h1>");
    expect((await server.get("/rooms/blue/7")).status).toBe(426);
  });

  it("guards by a session", async () => {
    const login = 'app.get("/login", (req, res) => { req.session.user = "Ada"; res.end(); });';
    const app = await appOf(sessions, login);
    await expect(connect(app, "/private")).rejects.toMatchObject({ status: 401 });
    const server = await TestServer.of(app.listen(0, "127.0.0.1"));
    const Cookie = (await server.get("/login")).header("set-cookie")?.split(";", 1)[0];
    expect(await firstText(app, "/private", { Cookie })).toBe("hello Ada");
  });

  it("stands behind a proxy", async () => {
    const route = 'app.get("/", websocket((conn) => conn.send(conn.remoteAddress)));';
    const app = await appOf(proxy, route);
    const headers = {
      Origin: "https://chat.example.com",
      "X-Forwarded-Host": "chat.example.com",
      "X-Forwarded-For": "203.0.113.9",
    };
    expect(await firstText(app, "/", headers)).toBe("203.0.113.9");
  });

  it("types and checks messages", async () => {
    await using conn = await connect(await appOf(contract), "/chat");
    await conn.writeJSON({ say: "hello" });
    expect(await conn.readJSON()).toEqual({ said: "hello", at: expect.any(String) });
    await conn.writeJSON({ shout: "hello" });
    expect(await conn.closed).toMatchObject({ code: 1007 });
  });

  it("handles errors before and after the 101", async () => {
    const routes = `
      app.get("/before", () => { throw new Error("before"); });
      app.get("/after", websocket(() => { throw new Error("after"); }));
    `;
    const { app, logged } = await runProgram(`${GIVEN}${routes}${errors}`, import.meta.url);
    const express = app as Application; // exported above
    await expect(connect(express, "/before")).rejects.toMatchObject({ status: 500 });
    await using conn = await connect(express, "/after");
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
    const peer = await listening.ws("/chat/blue");
    (onSignal as () => void)(); // the arrow function that the program gives to `once`
    expect((await peer.awaitClosed()).code).toBe(1001);
  });

  it("tests an app with node:test", async () => {
    const folder = new URL("artifacts/node-test/", import.meta.url);
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      new URL("app.js", folder),
      `
      import { websocket } from "@longwire/express";
      import express from "express";
      export const app = express();
      app.use((req, res, next) => (req.get("Authorization") ? next() : res.sendStatus(401)));
      app.get("/echo", websocket(async (conn) => {
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
