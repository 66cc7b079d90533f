/** The socket of an upgraded request, as Express may have it: to look at, not to destroy. */

import type { Socket } from "node:net";

/**
 * Wraps a socket. Express ends an error behind a finished response with `request.socket.destroy()`, but from the 101 on
 * the socket is the connection's, whose close frame has yet to go out, or which an error does not end at all.
 */
export function shielded(socket: Socket): Socket {
  const shield: Socket = new Proxy(socket, {
    get(target, key) {
      if (key === "destroy") return () => shield;
      const value: unknown = Reflect.get(target, key);
      // Methods that node keeps on the socket itself do not look through a Proxy.
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
    set: (target, key, value) => Reflect.set(target, key, value),
  });
  return shield;
}
