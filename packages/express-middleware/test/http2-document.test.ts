/** The program for Express in docs/http2.md takes WebSockets over both HTTP versions. */
import type { Server } from "node:net";
import {
  CERTIFICATE_GIVEN,
  greetingsOf,
  programsOf,
  replaced,
  runProgram,
} from "@longwire/testkit";
import { expect, it } from "vitest";

const PROGRAM = String(programsOf(new URL("../../../docs/http2.md", import.meta.url))[1]);

const GIVEN = `
${CERTIFICATE_GIVEN}
import { createSecureServer } from "node:http2";
import { attach, http2Listener, websocket } from "@longwire/express";
import express from "express";
const app = express();
app.get("/", websocket((conn, req) => conn.send(\`\${conn.httpVersion} \${req.httpVersion}\`)));
`;

it("docs/http2.md has WebSockets over HTTP/2 and HTTP/1.1", async () => {
  const program = replaced(PROGRAM, "listen(8443)", 'listen(0, "127.0.0.1")');
  const { server } = await runProgram(`${GIVEN}${program}\nexport { server };`, import.meta.url);
  expect(await greetingsOf(server as Server)).toEqual(["2.0 2.0", "1.1 1.1"]); // exported above
});
