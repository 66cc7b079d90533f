/** Options that nobody reads are refused by name. */
import { createServer } from "node:http";
import { describe, expect, it } from "vitest";
import { attach, checksOf, SocketRoute, Upgrader } from "../../src/index.ts";

const APP = (): void => {};

describe("an option that nobody reads", () => {
  it.each(["readLimt", "maxPayload", "perMessageDeflate", "drainTimeout", "toString"])(
    "is refused by the Upgrader and by a route: %s",
    (name) => {
      const options = { readLimit: 1, [name]: 1 };
      expect(() => new Upgrader(options)).toThrow(`a WebSocket route has no option ${name}`);
      expect(() => SocketRoute.of(options)).toThrow(TypeError);
    },
  );

  it("is none when it is an adapter's", () => {
    const options = { messages: {}, onError: APP, host: APP, address: APP };
    expect(SocketRoute.of(options)).toBeInstanceOf(SocketRoute);
  });

  it("is refused by attach, which knows those of a route", () => {
    const server = createServer();
    // @ts-expect-error -- misspelt
    expect(() => attach(server, APP, { drainTimout: 1 })).toThrow(
      "attach has no option drainTimout",
    );
    // @ts-expect-error -- of a route
    expect(() => attach(server, APP, { maxConnections: 1 })).toThrow(/maxConnections.*the route/u);
    expect(server.listenerCount("upgrade")).toBe(0);
  });

  it.each([{ in: {} }, { incoming: undefined, outgoin: {} }])(
    "is refused in a message contract: %j",
    (messages) => {
      expect(() => checksOf(messages)).toThrow(/messages has the schemas incoming and outgoing/u);
    },
  );
});

describe("a server that is none", () => {
  it.each([undefined, null, 3000, APP, Promise.resolve()])("is refused by attach: %s", (server) => {
    // JavaScript lets anything pass.
    expect(() => attach(server as never, APP)).toThrow(/^server must be what app\.listen\(\)/u);
  });
});
