/** `upgradeWebSocket`: WebSocket routes by callbacks, for handlers that were written against `hono/ws`. */

import { MessageType, runCallbacks, SocketRoute } from "@longwire/engine";
import type { Conn, Message } from "@longwire/engine";
import type { Context } from "hono";
import { WSContext } from "hono/ws";
import type {
  CreateEvents,
  EventRoute,
  SocketEvents,
  UpgradeWebSocketFunction,
  WebSocketOptions,
  WebSocketResponse,
} from "./types.ts";
import { isContext, isWebSocketUpgrade, printError, websocket } from "./websocket.ts";

function route(
  first: Context | CreateEvents,
  second?: SocketEvents | WebSocketOptions,
  third?: WebSocketOptions,
): EventRoute | Promise<WebSocketResponse> {
  if (isContext(first)) return upgrade(first, second as SocketEvents, third);
  if (typeof first !== "function") {
    throw new TypeError(
      `upgradeWebSocket: createEvents must be a function that gives callbacks, got ${typeof first}`,
    );
  }
  const options = second as WebSocketOptions | undefined; // by UpgradeWebSocketFunction, as above
  SocketRoute.of(options); // a wrong option is found where the route is declared
  return async (context, next) => {
    const c = context as Context; // Hono calls it
    if (!isWebSocketUpgrade(c)) return next() as Promise<never>; // see EventRoute
    return upgrade(c, await first(c), options);
  };
}

export const upgradeWebSocket = route as UpgradeWebSocketFunction; // which form it is, the values tell

function upgrade(
  c: Context,
  events: SocketEvents,
  options: WebSocketOptions | undefined,
): Promise<WebSocketResponse> {
  if (typeof events !== "object" || events === null) {
    throw new TypeError(`upgradeWebSocket: callbacks must be an object, got ${typeof events}`);
  }
  const { onOpen, onMessage, onError, onClose } = events;
  return websocket(c, options, (conn) => {
    const report = (error: unknown): unknown => (options?.onError ?? printError)(error, conn, c);
    const ws = contextOf(conn, c, report);
    return runCallbacks(
      conn,
      {
        onOpen: () => onOpen?.(new Event("open"), ws),
        onMessage: (message) => onMessage?.(messageEvent(message, ws), ws),
        onError: (error) => onError?.(Object.assign(new Event("error"), { error }), ws),
        // Node has the class CloseEvent from 23 on; its fields are all that callbacks read.
        onClose: (end) => onClose?.(Object.assign(new Event("close"), end), ws),
      },
      report,
    );
  });
}

function contextOf(conn: Conn, c: Context, report: (error: unknown) => unknown): WSContext<Conn> {
  return new WSContext<Conn>({
    send(data, { compress }) {
      const type = typeof data === "string" ? MessageType.text : MessageType.binary;
      if (compress === undefined) conn.send(data);
      else void conn.writeMessage(type, data, { compress });
    },
    close: (code, reason) => void conn.close(code, reason).catch(report), // a code that cannot be sent
    raw: conn,
    get readyState() {
      return conn.readyState;
    },
    url: c.req.url,
    protocol: conn.subprotocol,
  });
}

function messageEvent(message: Message, { binaryType }: WSContext): MessageEvent {
  if (message.type === MessageType.text) {
    return new MessageEvent("message", { data: message.text() });
  }
  const data = message.data as Buffer<ArrayBuffer>; // the engine's memory is never shared
  const { buffer, byteOffset, byteLength } = data;
  const bytes = buffer.slice(byteOffset, byteOffset + byteLength);
  return new MessageEvent("message", { data: binaryType === "blob" ? new Blob([data]) : bytes });
}
