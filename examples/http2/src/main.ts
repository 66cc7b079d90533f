/** `npm run -s http2 -- --port 8443`: a page and its WebSocket on one HTTP/2 connection, HTTP/1.1 beside it. */
import type { AddressInfo } from "node:net";
import { parseArgs } from "node:util";
import { websocket } from "@longwire/fastify";
import Fastify from "fastify";
import { generate } from "selfsigned";

const PAGE = `<!doctype html>
<meta charset="utf-8">
<title>WebSocket over HTTP/2</title>
<p id="said">connecting</p>
<script>
  const socket = new WebSocket(location.href.replace("http", "ws") + "socket");
  socket.onmessage = ({ data }) => { document.getElementById("said").textContent = data; };
</script>
`;

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "8443" },
    host: { type: "string", default: "localhost" },
  },
});

async function serve(): Promise<void> {
  // For this run alone: browsers speak HTTP/2 over TLS only, and warn of a certificate that nobody has signed.
  const { private: key, cert } = await generate([{ name: "commonName", value: "localhost" }]);
  const app = Fastify({ http2: true, https: { key, cert, allowHTTP1: true } });
  await app.register(websocket);
  app.get("/", async (_request, reply) => reply.type("text/html").send(PAGE));
  app.websocket("/socket", async (conn) => {
    await conn.writeMessage(1, `this WebSocket came over HTTP/${conn.httpVersion}`);
    for await (const message of conn) await conn.writeMessage(message.type, message.data);
  });
  await app.listen({ port: Number(values.port), host: values.host });
  const { port } = app.server.address() as AddressInfo; // it listens on a port
  process.stdout.write(`listening on https://${values.host}:${port}\n`);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void app.close());
}

serve().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
