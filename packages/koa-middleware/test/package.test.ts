/** The built package, as an application in CommonJS or in ESM loads it. */
import { builtPackageBehaviour } from "@longwire/testkit";

/** Serves an app on a port, connects to it in memory, prints what it is told, and ends by itself. */
const APP = `
  const app = new Koa();
  app.use(websocket((conn, ctx) => conn.send("hello from " + ctx.path.slice(1))));
  const server = app.listen(0, "127.0.0.1", async () => {
    const conn = await connect(app, "/blue");
    console.log((await conn.readMessage()).text(), typeof CloseError);
    server.close();
  });
  attach(server, app);
`;

builtPackageBehaviour({
  here: import.meta.url,
  name: "@longwire/koa",
  uses: "attach, CloseError, websocket",
  framework: {
    required: 'const Koa = require("koa");',
    imported: 'import Koa from "koa";',
  },
  app: APP,
});
