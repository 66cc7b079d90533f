import { decideUpgrade, isWebSocketUpgrade, requestWithoutPeer, Upgrader } from "@longwire/engine";
import { describe, expect, it } from "vitest";

const session = { upgrader: new Upgrader(), handler: () => {}, onError: () => {} };
const HANDSHAKE = {
  Connection: "Upgrade",
  Upgrade: "websocket",
  "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
};

describe("a request of Fetch without a server", () => {
  it("has the method, target and headers of the other", () => {
    const headers = { Cookie: "a=1", "X-Marker": "m" };
    const request = requestWithoutPeer(
      new Request("http://localhost/chat?a=1", { method: "POST", headers }),
    );
    expect([request.method, request.url]).toEqual(["POST", "/chat?a=1"]);
    expect(request.headers).toMatchObject({ cookie: "a=1", "x-marker": "m" });
    expect(isWebSocketUpgrade(request)).toBe(false);
  });

  it("is refused with 426 at a WebSocket route", async () => {
    const request = requestWithoutPeer(new Request("http://localhost/chat"));
    expect(await decideUpgrade(request, session)).toMatchObject({ accepted: false, status: 426 });
  });

  it("with a handshake is told that nobody has attached a server", async () => {
    const request = requestWithoutPeer(
      new Request("http://localhost/chat", { headers: HANDSHAKE }),
    );
    expect(isWebSocketUpgrade(request)).toBe(true);
    await expect(decideUpgrade(request, session)).rejects.toMatchObject({
      code: "WS_NOT_ATTACHED",
    });
  });
});
