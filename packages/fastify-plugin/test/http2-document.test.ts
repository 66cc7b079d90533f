/** The program for Fastify in docs/http2.md takes WebSockets over both HTTP versions. */
import type { Server } from "node:net";
import { CERTIFICATE_GIVEN, greetingsOf, programsOf, runProgram } from "@longwire/testkit";
import { expect, it } from "vitest";

const PROGRAM = String(programsOf(new URL("../../../docs/http2.md", import.meta.url))[0]);

const GIVEN = `
${CERTIFICATE_GIVEN}
import { websocket } from "@longwire/fastify";
import { fastify } from "fastify";
`;

it("docs/http2.md has WebSockets over HTTP/2 and HTTP/1.1", async () => {
  const route = `
    app.websocket("/", (conn, request) => conn.send(\`\${conn.httpVersion} \${request.raw.httpVersion}\`));
    await app.listen({ port: 0, host: "127.0.0.1" });
    export const { server } = app;
  `;
  const { server } = await runProgram(`${GIVEN}${PROGRAM}${route}`, import.meta.url);
  expect(await greetingsOf(server as Server)).toEqual(["2.0 2.0", "1.1 1.1"]); // exported above
});
