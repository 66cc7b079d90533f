import { runCallbacks, type CloseInfo } from "@longwire/engine";
import { connAndRawPeer, connPair, deferred, rawFrame } from "@longwire/testkit";
import { describe, expect, it, onTestFinished, vi } from "vitest";

describe("runCallbacks", () => {
  it("opens, reads and closes in order, each when the one before has settled", async () => {
    const { server, client } = connPair();
    const gate = deferred();
    const steps: string[] = [];
    const done = runCallbacks(
      server,
      {
        onOpen: async () => {
          steps.push("opening");
          await gate.promise;
          steps.push("open");
        },
        onMessage: async (message) => {
          steps.push(`reading ${message.text()}`);
          await Promise.resolve();
          steps.push(`read ${message.text()}`);
        },
        onError: () => steps.push("error"),
        onClose: ({ code }) => steps.push(`closed ${code}`),
      },
      (error) => expect.unreachable(String(error)),
    );
    for (const text of ["1", "2"]) await client.writeMessage(1, text);
    expect(steps).toEqual(["opening"]);
    gate.resolve();
    await client.close(4000);
    await done;
    expect(steps.slice(1)).toEqual([
      "open",
      "reading 1",
      "read 1",
      "reading 2",
      "read 2",
      "closed 4000",
    ]);
  });

  it("reports what callbacks throw or reject with, and goes on", async () => {
    const { server, client } = connPair();
    const reported: unknown[] = [];
    const done = runCallbacks(
      server,
      {
        onOpen: () => Promise.reject(new Error("open")),
        onMessage: (message) => {
          throw new Error(message.text());
        },
        onClose: () => Promise.reject(new Error("close")),
      },
      (error) => reported.push(error),
    );
    for (const text of ["1", "2"]) await client.writeMessage(1, text);
    await client.close();
    await done;
    expect(reported.map(String)).toEqual(["open", "1", "2", "close"].map((at) => `Error: ${at}`));
  });

  it("prints what the report throws", async () => {
    const printed = vi.spyOn(console, "error").mockImplementation(() => {});
    onTestFinished(() => printed.mockRestore());
    const { server, client } = connPair();
    const failure = new Error("the report's");
    const onMessage = (): Promise<never> => Promise.reject(new Error("the callback's"));
    const done = runCallbacks(server, { onMessage }, () => Promise.reject(failure));
    await client.writeMessage(1, "x");
    await client.close();
    await done;
    expect(printed.mock.calls).toEqual([[failure]]);
  });

  it("gives the peer's fault to onError, and the end to onClose", async () => {
    const { conn, peer } = connAndRawPeer("server");
    const faults: unknown[] = [];
    const ends: CloseInfo[] = [];
    const done = runCallbacks(
      conn,
      { onError: (error) => faults.push(error), onClose: (end) => ends.push(end) },
      (error) => expect.unreachable(String(error)),
    );
    peer.send(rawFrame({ opcode: 1, mask: false }));
    await peer.readClose();
    peer.end();
    await done;
    expect(faults).toMatchObject([{ code: "WS_MASK_MISSING" }]);
    expect(ends).toMatchObject([{ code: 1002 }]);
  });

  it("needs no callback", async () => {
    const { server, client } = connPair();
    const done = runCallbacks(server, {}, (error) => expect.unreachable(String(error)));
    await client.writeMessage(1, "dropped");
    await client.close();
    await done;
    expect(server.readyState).toBe(3);
  });
});
