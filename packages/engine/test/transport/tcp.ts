/** An accepted TCP socket, and the raw peer at its other end. */
import { deferred, nextEvent, RawPeer } from "@longwire/testkit";
import { createServer, type Socket } from "node:net";

export async function tcp(): Promise<{ socket: Socket; peer: RawPeer }> {
  const accepted = deferred<Socket>();
  const server = createServer({ allowHalfOpen: true }, accepted.resolve).listen(0, "127.0.0.1");
  await nextEvent(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("expected a port");
  const peer = await RawPeer.connect(address.port);
  const socket = await accepted.promise;
  server.close();
  return { socket, peer };
}
