/** The built package, as an application in CommonJS or in ESM loads it. */
import { fileURLToPath } from "node:url";
import { buildWorkspace, runNode } from "@longwire/testkit";
import { beforeAll, describe, expect, it } from "vitest";

const PACKAGE = fileURLToPath(new URL("..", import.meta.url));

/** Serves an app on a port, connects to it in memory, prints what it is told, and ends by itself. */
const APP = `
  const app = new Koa();
  app.use(websocket((conn, ctx) => conn.send("hello from " + ctx.path)));
  const server = app.listen(0, "127.0.0.1", async () => {
    const conn = await connect(app, "/blue");
    console.log((await conn.readMessage()).text(), typeof CloseError);
    server.close();
  });
  attach(server, app);
`;

describe("the built package", () => {
  beforeAll(() => buildWorkspace(PACKAGE), 60_000);

  it("is loaded by require()", async () => {
    const program = `
      const Koa = require("koa");
      const { attach, CloseError, websocket } = require("@longwire/koa");
      const { connect } = require("@longwire/koa/testing");
      ${APP}
    `;
    const run = await runNode(PACKAGE, ["--input-type=commonjs", "-e", program]);
    expect(run).toMatchObject({ code: 0, stdout: "hello from /blue function\n" });
  });

  it("is loaded by import", async () => {
    const program = `
      import Koa from "koa";
      import { attach, CloseError, websocket } from "@longwire/koa";
      import { connect } from "@longwire/koa/testing";
      ${APP}
    `;
    const run = await runNode(PACKAGE, ["--input-type=module", "-e", program]);
    expect(run).toEqual({ code: 0, stdout: "hello from /blue function\n", stderr: "" });
  });

  it("is one and the same for require() and import", async () => {
    const program = `
      const { CloseError } = require("@longwire/koa");
      import("@longwire/koa").then((esm) => console.log(esm.CloseError === CloseError));
    `;
    const run = await runNode(PACKAGE, ["--input-type=commonjs", "-e", program]);
    expect(run).toMatchObject({ code: 0, stdout: "true\n" });
  });
});
