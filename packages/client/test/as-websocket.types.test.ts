/** The engine's `asWebSocket` where the browser's types are known. */
import { asWebSocket, type ConnWebSocket } from "@longwire/engine";
import { connPair } from "@longwire/testkit";
import { describe, expect, expectTypeOf, it } from "vitest";
import { connect, type WebSocketLike } from "../src/index.ts";

describe("asWebSocket", () => {
  it("gives what passes for the standard's WebSocket", () => {
    expectTypeOf<ConnWebSocket>().toExtend<WebSocket>();
    expectTypeOf<ConnWebSocket>().toExtend<WebSocketLike>();
    const takes = (socket: WebSocket): number => socket.readyState;
    expect(takes(asWebSocket(connPair().client))).toBe(1);
  });

  it("can be what the client talks through", async () => {
    const { server, client } = connPair();
    const socket = asWebSocket(client);
    const WebSocket = function () {
      return socket;
    } as unknown as new () => WebSocketLike; // `new` gives what a function returns
    const conn = connect<{ incoming: never }>("ws://in.memory", { WebSocket });
    await server.writeJSON({ hello: "client" });
    expect(await conn.read()).toEqual({ hello: "client" });
    await server.close();
    expect(await conn.closed).toEqual({ code: 1000, reason: "", wasClean: true });
  });
});
