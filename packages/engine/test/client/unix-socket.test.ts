import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:net";
import type { DialAddress } from "@longwire/engine";
import { describe, expect, it, onTestFinished } from "vitest";
import { echoes, failOnCrash, LARGE, open, refusal } from "./dialing.ts";
import { startEcho } from "./servers.ts";

failOnCrash();

function socketPath(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), "longwire-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, name);
}

describe("ws+unix:", () => {
  it("connects to a unix socket", async () => {
    const path = socketPath("a b:c.sock");
    const server = await startEcho({ path });
    const dialed = await open(`ws+unix:${encodeURIComponent(path)}:/chat?x=1`);
    expect(await echoes(dialed, LARGE)).toBe(true);
    const request = await server.requests.next();
    expect(request.url).toBe("/chat?x=1");
    expect(request.headers.host).toBe("localhost");
    expect(await dialed.conn.close()).toMatchObject({ code: 1000, wasClean: true });
  });

  it("goes by netDial, never by a proxy", async () => {
    const path = socketPath("a.sock");
    await startEcho({ path });
    const asked: DialAddress[] = [];
    const dialed = await open(`ws+unix:${path}`, {
      proxy: "http://127.0.0.1:1",
      netDial: (to) => {
        asked.push(to);
        return connect(to);
      },
    });
    expect(await echoes(dialed)).toBe(true);
    expect(asked).toEqual([{ path }]);
  });

  it("tells a socket that is not there", async () => {
    const path = socketPath("missing.sock");
    const error = await refusal(`ws+unix:${path}`);
    expect(error.message).toContain(`cannot connect to ${path}: `);
    expect(error.cause).toMatchObject({ code: "ENOENT" });
  });
});
