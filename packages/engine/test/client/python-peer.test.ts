/** Python's `websockets` as the server: an implementation that shares nothing with Node. */
import { spawn, spawnSync } from "node:child_process";
import { createInterface } from "node:readline";
import { nextEvent } from "@longwire/testkit";
import { describe, expect, it, onTestFinished, type TestContext } from "vitest";
import { echoes, failOnCrash, LARGE, open, refusal } from "./dialing.ts";

failOnCrash();

const PYTHON = "/usr/bin/python3"; // Debian's own, for which the package is made

// Echoes; chooses "b"; refuses /refused with 401. Serves until its input ends.
const SERVER = `
import asyncio, http, sys, websockets

async def echo(socket, path=None):
    try:
        async for message in socket:
            await socket.send(message)
    except websockets.ConnectionClosed:
        pass

async def refuse(path, headers):
    if path == "/refused":
        return http.HTTPStatus.UNAUTHORIZED, [("X-Why", "no")], b"not you"

async def main():
    async with websockets.serve(echo, "127.0.0.1", 0, subprotocols=["b"], max_size=2**24, process_request=refuse) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)

asyncio.run(main())
`;

const present = spawnSync(PYTHON, ["-c", "import websockets"]).status === 0;

/** Leaves a test out where the package is missing; LONGWIRE_REQUIRE_SERVICES=1 makes that a failure. */
function needsPython(context: TestContext): void {
  if (present) return;
  const missing = `${PYTHON} has no package websockets: apt-get install python3-websockets`;
  if (process.env["LONGWIRE_REQUIRE_SERVICES"] === "1") throw new Error(missing);
  context.skip(missing);
}

/** Starts the server, and stops it with the test. */
async function startPython(): Promise<string> {
  const child = spawn(PYTHON, ["-W", "ignore", "-c", SERVER], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill());
  const [port] = await nextEvent(
    createInterface(child.stdout),
    "line",
    "the server's port",
    30_000,
  );
  return `ws://127.0.0.1:${String(port)}/`;
}

describe("Python's websockets", () => {
  it("echoes, plain and compressed, over one connection and the next", async (context) => {
    needsPython(context);
    const url = await startPython();
    for (const compression of [
      false,
      true,
      { clientNoContextTakeover: true, serverMaxWindowBits: 9 },
    ]) {
      const dialed = await open(url, { compression, subprotocols: ["a", "b"] });
      const { conn } = dialed;
      expect(conn.subprotocol).toBe("b");
      expect(conn.extensions.startsWith("permessage-deflate")).toBe(compression !== false);
      for (const message of ["", "héllo 🌍", LARGE.toString(), LARGE, Buffer.alloc(0)]) {
        expect(await echoes(dialed, message)).toBe(true);
      }
      expect(await conn.ping()).toBeGreaterThanOrEqual(0);
      expect(await conn.close(4000, "enough")).toEqual({
        code: 4000,
        reason: "enough",
        wasClean: true,
      });
    }
  }, 40_000);

  it("refuses with status, headers and body", async (context) => {
    needsPython(context);
    const error = await refusal(`${await startPython()}refused`);
    expect(error).toMatchObject({ status: 401, response: { headers: { "x-why": "no" } } });
    expect(error.response?.body.toString()).toBe("not you");
  }, 40_000);
});
