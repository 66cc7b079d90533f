/** The built package, as an application in CommonJS or in ESM loads it. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { builtPackageBehaviour, buildWorkspace, runNode } from "@longwire/testkit";
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

builtPackageBehaviour({
  here: import.meta.url,
  name: "@longwire/fastify",
  uses: "CloseError, websocket",
  framework: {
    required: 'const { fastify } = require("fastify");',
    imported: 'import { fastify } from "fastify";',
  },
  app: APP,
});

describe("beside @fastify/websocket", () => {
  beforeAll(() => buildWorkspace(PACKAGE), 60_000);

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
