/** The built package, as an application in CommonJS or in ESM loads it. */
import { builtPackageBehaviour } from "@longwire/testkit";

/** Serves an app on a port, connects to it in memory, prints what it is told, and ends by itself. */
const APP = `
  const app = express();
  app.get("/:room", websocket((conn, req) => conn.send("hello from " + req.params.room)));
  const server = app.listen(0, "127.0.0.1", async () => {
    const conn = await connect(app, "/blue");
    console.log((await conn.readMessage()).text(), typeof CloseError);
    server.close();
  });
  attach(server, app);
`;

builtPackageBehaviour({
  here: import.meta.url,
  name: "@longwire/express",
  uses: "attach, CloseError, websocket",
  framework: {
    required: 'const express = require("express");',
    imported: 'import express from "express";',
  },
  app: APP,
});
