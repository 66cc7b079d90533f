/** The built package, as an application in CommonJS or in ESM loads it. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { buildWorkspace, runNode } from "@longwire/testkit";
import { beforeAll, describe, expect, it } from "vitest";

const PACKAGE = fileURLToPath(new URL("..", import.meta.url));
const PAGE = new URL("../../../docs/migrating-from-fastify-websocket.md", import.meta.url);

/** Connects to an app in memory, prints what it is told, and ends by itself. */
const APP = `
  const app = fastify();
  app.register(websocket);
  app.register(async (scope) => {
    scope.websocket("/:room", (conn, request) => conn.send("hello from " + request.params.room));
  });
  connect(app, "/blue").then(async (conn) => {
    console.log((await conn.readMessage()).text(), typeof CloseError);
    await app.close();
  });
`;

describe("the built package", () => {
  beforeAll(() => buildWorkspace(PACKAGE), 60_000);

  it("is loaded by require()", async () => {
    const program = `
      const { fastify } = require("fastify");
      const { CloseError, websocket } = require("@longwire/fastify");
      const { connect } = require("@longwire/fastify/testing");
      ${APP}
    `;
    const run = await runNode(PACKAGE, ["--input-type=commonjs", "-e", program]);
    expect(run).toMatchObject({ code: 0, stdout: "hello from blue function\n" });
  });

  it("is loaded by import", async () => {
    const program = `
      import { fastify } from "fastify";
      import { CloseError, websocket } from "@longwire/fastify";
      import { connect } from "@longwire/fastify/testing";
      ${APP}
    `;
    const run = await runNode(PACKAGE, ["--input-type=module", "-e", program]);
    expect(run).toEqual({ code: 0, stdout: "hello from blue function\n", stderr: "" });
  });

  it("in one scope ends @fastify/websocket that comes later, in the words that the page has", async () => {
    // It throws outside of every promise, so that Fastify cannot give the error to the application.
    const program = `
      const app = require("fastify").fastify();
      app.register(require("@longwire/fastify").websocket);
      app.register(require("@fastify/websocket"));
      app.ready();
    `;
    const { code, stderr } = await runNode(PACKAGE, ["--input-type=commonjs", "-e", program]);
    const words = "The decorator 'injectWS' has already been added!";
    expect(code).not.toBe(0);
    expect(stderr).toContain(words);
    expect(readFileSync(PAGE, "utf8")).toContain(words);
  });
});
