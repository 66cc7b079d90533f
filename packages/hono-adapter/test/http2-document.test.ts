/** The program for Hono in docs/http2.md takes WebSockets over both HTTP versions. */
import type { Server } from "node:net";
import {
  CERTIFICATE_GIVEN,
  greetingsOf,
  programsOf,
  replaced,
  runProgram,
} from "@longwire/testkit";
import { expect, it } from "vitest";

const PROGRAM = String(programsOf(new URL("../../../docs/http2.md", import.meta.url))[3]);

const GIVEN = `
${CERTIFICATE_GIVEN}
import { createSecureServer } from "node:http2";
import { serve, websocket } from "@longwire/hono";
import { Hono } from "hono";
const app = new Hono();
app.get("/", (c) => websocket(c, (conn) => conn.send(\`\${conn.httpVersion} \${c.env.incoming.httpVersion}\`)));
`;

it("docs/http2.md has WebSockets over HTTP/2 and HTTP/1.1", async () => {
  const program = replaced(PROGRAM, "port: 8443", 'hostname: "127.0.0.1", port: 0');
  const { server } = await runProgram(`${GIVEN}${program}\nexport { server };`, import.meta.url);
  expect(await greetingsOf(server as Server)).toEqual(["2.0 2.0", "1.1 1.1"]); // exported above
});
