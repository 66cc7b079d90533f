/** The built package, as an application in CommonJS or in ESM loads it. */
import { fileURLToPath } from "node:url";
import { buildWorkspace, runNode } from "@longwire/testkit";
import { beforeAll, describe, expect, it } from "vitest";

const PACKAGE = fileURLToPath(new URL("..", import.meta.url));

/** Serves an app on a port, connects to it in memory, prints what it is told, and ends by itself. */
const APP = `
  const app = new Hono();
  app.get("/:room", (c) => websocket(c, (conn) => conn.send("hello from " + c.req.param("room"))));
  const server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, async () => {
    const conn = await connect(app, "/blue");
    console.log((await conn.readMessage()).text(), typeof CloseError);
    server.close();
  });
`;

describe("the built package", () => {
  beforeAll(() => buildWorkspace(PACKAGE), 60_000);

  it("is loaded by require()", async () => {
    const program = `
      const { Hono } = require("hono");
      const { CloseError, serve, websocket } = require("@longwire/hono");
      const { connect } = require("@longwire/hono/testing");
      ${APP}
    `;
    const run = await runNode(PACKAGE, ["--input-type=commonjs", "-e", program]);
    expect(run).toMatchObject({ code: 0, stdout: "hello from blue function\n" });
  });

  it("is loaded by import", async () => {
    const program = `
      import { Hono } from "hono";
      import { CloseError, serve, websocket } from "@longwire/hono";
      import { connect } from "@longwire/hono/testing";
      ${APP}
    `;
    const run = await runNode(PACKAGE, ["--input-type=module", "-e", program]);
    expect(run).toEqual({ code: 0, stdout: "hello from blue function\n", stderr: "" });
  });
});
