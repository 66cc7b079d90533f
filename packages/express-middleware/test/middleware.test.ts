/** Middleware that stands in front of everything: it sees an ordinary request and an ordinary response. */
import { gunzipSync } from "node:zlib";
import { Inbox, upgradeText } from "@longwire/testkit";
import compression from "compression";
import cors from "cors";
import helmet from "helmet";
import morgan from "morgan";
import { describe, expect, it } from "vitest";
import { websocket } from "../src/index.ts";
import { echo, quietApp, served, VERSIONS } from "./app.ts";

describe.each(VERSIONS)("%s", (_version, express) => {
  it("helmet's headers are on the 101, spelled as on a page", async () => {
    const app = quietApp(express);
    app.use(helmet());
    app.get("/page", (_request, response) => void response.send("a page"));
    app.get("/", websocket(echo));
    const server = await served(app);
    const ofHelmet = (name: string): boolean => /^(x-|content-security|strict|cross-)/iu.test(name);
    const page = (await server.get("/page")).headers.filter(([name]) => ofHelmet(name));
    const accepted = (await server.answerTo("/")).headers.filter(([name]) => ofHelmet(name));
    expect(accepted).toEqual(page);
    expect(accepted.length).toBeGreaterThan(8);
  });

  it("what is set before the call is on the 101; behind it the headers are sent, as behind send()", async () => {
    const sent = new Inbox<boolean>("the handler's end");
    const app = quietApp(express);
    app.get("/", (request, response) => {
      response.set("X-Room", "chat");
      void websocket(request, echo);
      sent.push(response.headersSent);
    });
    const peer = await (await served(app)).ws("/");
    expect(peer.response.header("x-room")).toBe("chat");
    expect(await sent.next()).toBe(true);
    peer.send("hello");
    expect(await peer.next()).toBe("hello");
  });

  it("morgan writes one line for each request, with 101 when it was accepted", async () => {
    const lines = new Inbox<string>("a line of morgan");
    const write = (line: string): void => lines.push(line.trim());
    const app = quietApp(express);
    app.use(morgan(":method :url :status :remote-addr", { stream: { write } }));
    app.get("/no", (_request, response) => void response.sendStatus(403));
    app.get("/ws", websocket(echo));
    const server = await served(app);
    const peer = await server.ws("/ws?room=1");
    expect(await lines.next()).toBe("GET /ws?room=1 101 127.0.0.1");
    await server.refused("/no");
    expect(await lines.next()).toBe("GET /no 403 127.0.0.1");
    await peer.close();
    await server.refused("/nowhere");
    expect(await lines.next()).toBe("GET /nowhere 404 127.0.0.1");
    expect(lines.all).toHaveLength(3);
  });

  it("compression leaves the 101 alone, and compresses a large refusal", async () => {
    const body = "no entry ".repeat(2_000);
    const app = quietApp(express);
    app.use(compression());
    app.get("/", websocket(echo));
    app.get("/no", (_request, response) => void response.status(403).type("text").send(body));
    const server = await served(app);
    const headers = { "Accept-Encoding": "gzip" };
    const peer = await server.ws("/", { headers });
    expect(peer.response.header("content-encoding")).toBeUndefined();
    peer.send("plain");
    expect(await peer.next()).toBe("plain");
    const raw = await server.raw();
    raw.send(upgradeText("/no", headers));
    const answer = await raw.readToEnd();
    const at = answer.indexOf("\r\n\r\n") + 4;
    expect(answer.toString("latin1", 0, at)).toContain("Content-Encoding: gzip");
    expect(gunzipSync(dechunked(answer.subarray(at))).toString()).toBe(body);
  });

  it("cors, and parsers of bodies and cookies, let an upgrade pass", async () => {
    const app = quietApp(express);
    app.use(cors({ origin: "https://app.example.com", credentials: true }));
    app.use(express.json(), express.urlencoded({ extended: true }), express.text(), express.raw());
    app.get("/", websocket({ allowedOrigins: ["https://app.example.com"] }, echo));
    const peer = await (await served(app)).ws("/", { origin: "https://app.example.com" });
    expect(peer.response.header("access-control-allow-origin")).toBe("https://app.example.com");
    peer.send("passed");
    expect(await peer.next()).toBe("passed");
  });

  it("express.static in front passes on what is no file, and serves a file as a page", async () => {
    const app = quietApp(express);
    app.use(express.static(import.meta.dirname));
    app.get("/ws", websocket(echo));
    const server = await served(app);
    await (await server.ws("/ws")).roundTrip();
    const file = await server.answerTo("/app.ts");
    expect(file.status).toBe(200);
    expect(file.body).toContain("Express apps of one test");
  });

  it("middleware that writes and ends by itself has the last word", async () => {
    const app = quietApp(express);
    app.use((request, response, next) => {
      if (request.url === "/raw") {
        response.writeHead(429, { "Retry-After": "1" });
        response.write("slow ");
        response.end("down");
      } else next();
    });
    app.get("/raw", websocket(echo));
    const answer = await (await served(app)).answerTo("/raw");
    expect(answer).toMatchObject({ status: 429, body: "slow down" });
  });

  it("headers of the handshake are the engine's, whatever middleware has set", async () => {
    const app = quietApp(express);
    app.use((_request, response, next) => {
      response.set({ Connection: "close", "Sec-WebSocket-Accept": "forged" });
      response.set({ "Sec-WebSocket-Extensions": "x", "Content-Length": "5" }).type("json");
      next();
    });
    app.get("/", websocket({ subprotocols: ["chat"] }, echo));
    const peer = await (await served(app)).ws("/", { subprotocols: ["chat"] });
    expect(peer.response.headerValues("connection")).toEqual(["Upgrade"]);
    expect(peer.response.header("content-length")).toBeUndefined();
    expect(peer.response.header("content-type")).toBeUndefined();
    expect(peer.response.header("sec-websocket-extensions")).toBeUndefined();
    expect(peer.socket.protocol).toBe("chat");
    await peer.roundTrip();
  });
});

/** Takes the chunks of a body apart. */
function dechunked(bytes: Buffer): Buffer {
  const chunks: Buffer[] = [];
  for (let at = 0; ;) {
    const end = bytes.indexOf("\r\n", at);
    const size = Number.parseInt(bytes.toString("latin1", at, end), 16);
    if (size === 0) return Buffer.concat(chunks);
    chunks.push(bytes.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
}
