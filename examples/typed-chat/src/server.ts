/** The room, and the page as files. */
import { readFile } from "node:fs/promises";
import { serve, ValidationError, websocket, type Conn, type In, type Out } from "@longwire/hono";
import { Hono } from "hono";
import { chat } from "./contract.ts";

type Told = Out<typeof chat>;

const room = new Set<Conn<In<typeof chat>, Told>>();

function tell(value: Told): void {
  for (const conn of room) void conn.writeJSON(value);
}

/** What went wrong with a message, as its sender reads it. */
function refusal(error: Error): Told {
  const [issue] = error instanceof ValidationError ? error.issues : [];
  const { path = [], message = error.message } = issue ?? {};
  return { kind: "refused", path: path.map(String).join("."), reason: message };
}

const app = new Hono();

app.get("/chat", (c) =>
  websocket(c, { messages: chat }, async (conn) => {
    room.add(conn);
    tell({ kind: "here", people: room.size });
    try {
      const values = conn.json({ onInvalid: (error) => conn.writeJSON(refusal(error)) });
      for await (const { text } of values) tell({ kind: "said", text, at: new Date() });
    } finally {
      room.delete(conn);
      tell({ kind: "here", people: room.size });
    }
  }),
);

const JAVASCRIPT = { "content-type": "text/javascript; charset=utf-8" };
const client = import.meta.resolve("@longwire/client");

app.get("/", async (c) =>
  c.html(await readFile(new URL("../public/index.html", import.meta.url), "utf8")),
);
app.get("/page.js", async (c) =>
  c.body(await readFile(new URL("page.js", import.meta.url)), 200, JAVASCRIPT),
);
app.get("/client/:file{[a-z-]+\\.js}", async (c) =>
  c.body(await readFile(new URL(c.req.param("file"), client)), 200, JAVASCRIPT),
);

/** Listens, and calls back with the page's address. */
export function start(port: number, onListening: (url: string) => void): ReturnType<typeof serve> {
  return serve({ fetch: app.fetch, port, hostname: "127.0.0.1" }, (address) =>
    onListening(`http://127.0.0.1:${address.port}/`),
  );
}
