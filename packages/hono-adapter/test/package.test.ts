/** The built package, as an application in CommonJS or in ESM loads it. */
import { builtPackageBehaviour } from "@longwire/testkit";

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

builtPackageBehaviour({
  here: import.meta.url,
  name: "@longwire/hono",
  uses: "CloseError, serve, websocket",
  framework: {
    required: 'const { Hono } = require("hono");',
    imported: 'import { Hono } from "hono";',
  },
  app: APP,
});
