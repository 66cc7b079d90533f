/** An app with the types of Express 4: compiled by a test, with the declarations of every library checked too. */
// oxlint-disable-next-line import/default -- there is one, made of `export =`
import express, { Router, type RequestHandler } from "express";
import { attach, isWebSocketUpgrade, websocket } from "../../src/index.ts";
import { connect } from "../../src/testing.ts";

const requireUser: RequestHandler = (_request, _response, next) => next();

export const app = express();
app.get(
  "/short/:room",
  requireUser,
  websocket((conn, request) => {
    conn.send(request.params.room satisfies string);
  }),
);
app.get("/call/:room", (request, response) => {
  if (!isWebSocketUpgrade(request)) response.send("a page");
  else
    void websocket(request, { readLimit: 1_000 }, (conn, { params }) => {
      conn.send(params.room satisfies string);
      conn.send(request.params.room satisfies string);
    });
});
app.get(
  "/:room",
  // @ts-expect-error -- there is no such parameter
  websocket((_conn, request) => request.params.seat),
);

const router = Router();
router.get(
  "/:seat",
  websocket((_conn, { params }) => params.seat satisfies string),
);
app.use("/seats", router);

attach(app.listen(0), app);
export const conn: Promise<unknown> = connect(app, "/");
