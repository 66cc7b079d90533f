/** Ordinary requests of HTTP/2 for apps of HTTP/1.1. */
import { once } from "node:events";
import http2 from "node:http2";
import { http2Listener } from "@longwire/engine";
import { deferred, within } from "@longwire/testkit";
import { describe, expect, it } from "vitest";
import { listen } from "../client/servers.ts";
import { failOnCrash } from "./attached-server.ts";
import { connect, type App } from "./http2-server.ts";

failOnCrash();

describe("http2Listener", () => {
  const app: App = (request, response) => {
    let body = "";
    request.on("data", (chunk) => (body += String(chunk)));
    request.on("end", () => {
      response.setHeader("X-Seen", `${request.method} ${request.url} ${request.httpVersion}`);
      response.setHeader("Connection", "keep-alive");
      response.end(`${body.length} of ${String(request.headers.host)}`);
    });
  };

  it("gives an app of HTTP/1.1 the requests of HTTP/2, with their bodies", async () => {
    const server = http2.createServer(http2Listener(app));
    const port = await listen(server);
    const client = await connect(port);
    const answer = await client.get("/a?b", { ":method": "POST" }, "x".repeat(300_000));
    expect(answer.status).toBe(200);
    expect(answer.headers["x-seen"]).toBe("POST /a?b 2.0");
    expect(answer.headers["connection"]).toBeUndefined();
    expect(answer.body).toBe(`300000 of 127.0.0.1:${port}`);
  });

  it("answers without reading the body, and HEAD without one", async () => {
    const server = http2.createServer(
      http2Listener((_request, response) => void response.writeHead(413).end("too much")),
    );
    const client = await connect(await listen(server));
    const answer = await client.get("/", { ":method": "POST" }, "x".repeat(200_000));
    expect([answer.status, answer.body]).toEqual([413, "too much"]);
    const head = await client.get("/", { ":method": "HEAD" });
    expect([head.status, head.body]).toEqual([413, ""]);
  });

  it("ends a response whose client resets its stream in the middle, without an error", async () => {
    const gone = deferred();
    const server = http2.createServer(
      http2Listener((_request, response) => {
        response.once("close", () => gone.resolve());
        response.write("x".repeat(1_000_000));
      }),
    );
    const client = await connect(await listen(server));
    const stream = client.session.request({ ":path": "/", ":method": "POST" });
    stream.write("a body that nobody reads");
    await within(once(stream, "response"), "the response");
    stream.close(http2.constants.NGHTTP2_NO_ERROR);
    await expect(within(gone.promise, "the end of the response")).resolves.toBeUndefined();
  });

  it("tells the app of a client that goes away", async () => {
    const aborted = deferred();
    const arrived = deferred();
    const server = http2.createServer(
      http2Listener((request, response) => {
        response.once("close", () => aborted.resolve());
        request.on("error", () => {});
        arrived.resolve();
      }),
    );
    const client = await connect(await listen(server));
    const stream = client.session.request({ ":path": "/", ":method": "POST" });
    stream.on("error", () => {});
    await arrived.promise;
    stream.close(8);
    await expect(within(aborted.promise, "the end of the response")).resolves.toBeUndefined();
  });

  it("has a request that nobody reads end in peace", async () => {
    const seen: string[] = [];
    const ended = deferred();
    const server = http2.createServer(
      http2Listener((request, response) => {
        for (const name of ["aborted", "error"]) request.on(name, () => seen.push(name));
        request.once("close", () => ended.resolve());
        response.end("page");
      }),
    );
    const client = await connect(await listen(server));
    expect((await client.get("/")).body).toBe("page");
    await within(ended.promise, "the end of the request");
    expect(seen).toEqual([]);
  });
});
