/** What each of the four servers is given, and what it gives back. */
import type { Server } from "node:net";
import type { FastifyInstance } from "fastify";
import type { AccessLog } from "./access-log.ts";
import type { Framework } from "./messages.ts";
import type { Room } from "./room.ts";

export { invited } from "./token.ts";

export interface Place {
  readonly port: number;
  readonly host: string;
  readonly room: Room;
  readonly log: AccessLog;
  /** Options of the WebSocket route: the page's origin is the only foreign one that may connect. */
  readonly sockets: {
    readonly subprotocols: readonly string[];
    readonly readLimit: number;
    readonly allowedOrigins?: readonly string[];
    /** Gets the line about a refused origin; Fastify has its own log for that. */
    readonly warn?: (line: string) => void;
  };
  /** Header that lets the page read a refusal of a server that it did not come from. */
  readonly cors: Readonly<Record<string, string>>;
  /** The servers that are up, for the page. */
  readonly servers: () => readonly RunningServer[];
}

export interface RunningServer {
  readonly framework: Framework;
  readonly port: number;
}

/** Starts one server; it need not be listening yet. */
export type Start = (place: Place) => Server | Promise<FastifyInstance>;
