/** The 101 past its response: what the peer gets, and what middleware sees, must not depend on it. */
import http, { ServerResponse } from "node:http";
import { deferred, upgradeText, within, type RawPeer } from "@longwire/testkit";
import { afterEach, describe, expect, it, vi } from "vitest";
import type * as Engine from "../../src/index.ts";
import { connectRaw, failOnCrash, listen } from "./attached-server.ts";

failOnCrash();

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  vi.resetModules();
});

interface Upgraded {
  readonly head: string;
  readonly response: ServerResponse;
  readonly conn: Engine.Conn;
  readonly peer: RawPeer;
}

type Upgrade = (
  headers?: Engine.UpgradeSite["headers"],
  before?: (response: ServerResponse) => void,
) => Promise<Upgraded>;

/** An engine as it is loaded with or without leave to use what is not public. */
async function loadEngine(publicOnly: boolean): Promise<typeof Engine> {
  vi.stubEnv("LONGWIRE_PUBLIC_API_ONLY", publicOnly ? "1" : "0");
  vi.resetModules();
  return import("../../src/index.ts");
}

/** Gives the answer of such an engine to one upgrade. */
async function load(publicOnly: boolean): Promise<Upgrade> {
  const { attach, Upgrader } = await loadEngine(publicOnly);
  const upgrader = new Upgrader();
  return async (headers = {}, before = () => {}) => {
    const opened = deferred<Pick<Upgraded, "response" | "conn">>();
    const app: http.RequestListener = (request, response) => {
      before(response);
      void upgrader
        .upgrade(request, { headers })
        .then((conn) => opened.resolve({ response, conn }));
    };
    const server = http.createServer(app);
    attach(server, app, { drainTimeout: 200 });
    const peer = await connectRaw(await listen(server));
    peer.send(upgradeText("/"));
    const head = String(await peer.readUntil("\r\n\r\n"));
    return { ...(await within(opened.promise, "the connection")), head, peer };
  };
}

/** Whether a head went through its response, which knows its headers then. */
const wentThrough = (response: ServerResponse): boolean => response.hasHeader("Upgrade");

const COOKIES = [
  ["X-Route", "chat"],
  ["Set-Cookie", "a=1"],
  ["Set-Cookie", "b=2"],
] as const;

describe("the head of a 101", () => {
  it("is the same either way", async () => {
    const through = await (await load(true))(COOKIES);
    const past = await (await load(false))(COOKIES);
    expect([wentThrough(through.response), wentThrough(past.response)]).toEqual([true, false]);
    const undated = [past, through].map(({ head }) => head.replace(/^(Date: ).*$/mu, "$1"));
    expect(undated[0]).toBe(undated[1]);
    expect(past.head).toMatch(/\r\nDate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n\r\n$/u);
  });

  it.each([true, false])("leaves its response sent; public functions only: %s", async (only) => {
    const upgrade = await load(only);
    const events: string[] = [];
    const closed = deferred();
    const { response } = await upgrade({}, (fresh) => {
      for (const name of ["prefinish", "finish", "close"])
        fresh.on(name, () => events.push(`${name} ${fresh.statusCode} ${fresh.headersSent}`));
      fresh.on("close", () => closed.resolve());
    });
    await within(closed.promise, "close");
    expect(events).toEqual(["prefinish 101 true", "finish 101 true", "close 101 true"]);
    const { statusMessage, writableEnded, writableFinished, destroyed } = response;
    expect({ statusMessage, writableEnded, writableFinished, destroyed }).toEqual({
      statusMessage: "Switching Protocols",
      writableEnded: true,
      writableFinished: true,
      destroyed: true,
    });
    expect(() => response.setHeader("X-Late", "1")).toThrow("after they are sent");
  });

  it("has the time of its second", async () => {
    const upgrade = await load(false);
    let now = Date.UTC(2026, 0, 31, 23, 59, 59, 10);
    vi.spyOn(Date, "now").mockImplementation(() => now);
    const seen: string[] = [];
    for (const passed of [0, 980, 10, 86_400_000, -5000]) {
      now += passed;
      const { head } = await upgrade();
      seen.push(/\r\nDate: (.*)\r\n/u.exec(head)![1]!);
    }
    expect(seen).toEqual([
      "Sat, 31 Jan 2026 23:59:59 GMT",
      "Sat, 31 Jan 2026 23:59:59 GMT",
      "Sun, 01 Feb 2026 00:00:00 GMT",
      "Mon, 02 Feb 2026 00:00:00 GMT",
      "Sun, 01 Feb 2026 23:59:55 GMT",
    ]);
  });

  it.each([true, false])(
    "has one date or none, as told; public functions only: %s",
    async (only) => {
      const upgrade = await load(only);
      const { head } = await upgrade([["date", "yesterday"]]);
      expect(head.match(/^date: .*$/gimu)).toEqual(["date: yesterday"]);
      const undated = await upgrade({}, (response) => {
        response.sendDate = false;
      });
      expect(undated.head).not.toMatch(/^date:/imu);
    },
  );

  it.each(["writeHead", "end"] as const)("goes through a `%s` wrapped for all", async (method) => {
    const early = vi.spyOn(ServerResponse.prototype, method);
    const upgrade = await load(false);
    const { response } = await upgrade();
    expect(wentThrough(response)).toBe(true);
    expect(early).toHaveBeenCalledOnce();
  });

  it.each(["writeHead", "end"] as const)("goes through a `%s` wrapped later", async (method) => {
    const upgrade = await load(false);
    expect(wentThrough((await upgrade()).response)).toBe(false);
    const late = vi.spyOn(ServerResponse.prototype, method);
    expect(wentThrough((await upgrade()).response)).toBe(true);
    expect(late).toHaveBeenCalledOnce();
  });

  it("goes through a response that has headers of the application", async () => {
    const upgrade = await load(false);
    const { head, response } = await upgrade({}, (fresh) => fresh.setHeader("X-Powered-By", "Go"));
    expect(wentThrough(response)).toBe(true);
    expect(head).toContain("X-Powered-By: Go\r\n");
  });

  it.each([true, false])("has no chunk behind it; public functions only: %s", async (only) => {
    const upgrade = await load(only);
    const { conn, peer } = await upgrade({}, (response) => {
      response.chunkedEncoding = true;
    });
    void conn.close();
    expect((await peer.readBytes(4)).toString("hex")).toBe("880203e8");
  });

  it.each([true, false])(
    "makes no connection of a socket that is gone; public functions only: %s",
    async (only) => {
      const { attach, Upgrader } = await loadEngine(only);
      const upgrader = new Upgrader();
      const refused = deferred<unknown>();
      const app: http.RequestListener = (request) => {
        request.socket.destroy();
        upgrader.upgrade(request).catch(refused.resolve);
      };
      const server = http.createServer(app);
      attach(server, app);
      const peer = await connectRaw(await listen(server));
      peer.send(upgradeText("/"));
      expect(await within(refused.promise, "the refusal")).toMatchObject({
        code: "WS_HANDSHAKE_ABORTED",
      });
    },
  );
});
