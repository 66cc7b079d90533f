/** The room that all four servers share: who is in it, what was said, and one hub that carries it. */
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";
import type { Conn } from "@longwire/engine";
import { Hub } from "@longwire/hub";
import {
  FRAMEWORKS,
  parseClientMessage,
  type Framework,
  type Member,
  type Said,
  type ServerMessage,
} from "./messages.ts";
import { invitedName, type RequestHeaders } from "./token.ts";

const REMEMBERED = 50; // messages for those who come later
const INVALID_DATA = 1007;

/** The source of each server, read when the process starts: what is running, whatever is edited meanwhile. */
const SOURCES = new Map(
  FRAMEWORKS.map((framework) => {
    const file = `src/${framework.toLowerCase()}.ts`;
    return [
      framework,
      { file, text: readFileSync(new URL(`../${file}`, import.meta.url), "utf8") },
    ];
  }),
);

export class Room {
  readonly #hub = new Hub();
  readonly #room = this.#hub.room("lobby");
  readonly #members = new Map<string, Member>();
  readonly #said: Said[] = [];

  /** Takes part in the room for as long as the connection lasts. */
  async join(conn: Conn, framework: Framework, headers: RequestHeaders): Promise<void> {
    const member = { id: conn.id, name: invitedName(headers) ?? "Guest", framework };
    this.#members.set(conn.id, member);
    this.#broadcast({ type: "joined", member });
    conn.send(JSON.stringify(this.#welcome(member)));
    this.#room.join(conn);
    try {
      for await (const message of conn) this.#receive(conn, member, message.text());
    } finally {
      this.#members.delete(conn.id);
      this.#room.leave(conn);
      this.#broadcast({ type: "left", member });
    }
  }

  #welcome({ id, framework }: Member): ServerMessage {
    const source = SOURCES.get(framework) ?? { file: "", text: "" };
    return {
      type: "welcome",
      you: id,
      members: [...this.#members.values()],
      earlier: this.#said,
      source,
    };
  }

  #receive(conn: Conn, from: Member, json: string): void {
    const at = performance.now();
    const message = parseClientMessage(json);
    if (message === undefined) {
      void conn.close(INVALID_DATA, "not a message of this chat");
    } else if (message.type === "clock") {
      conn.send(
        JSON.stringify({ type: "clock", sent: message.sent, time: at } satisfies ServerMessage),
      );
    } else {
      const time = new Date().toISOString();
      const said: Said = { type: "said", id: randomUUID(), from, text: message.text, time, at };
      this.#said.push(said);
      if (this.#said.length > REMEMBERED) this.#said.shift();
      this.#broadcast(said);
    }
  }

  #broadcast(message: ServerMessage): void {
    this.#room.broadcastJSON(message);
  }
}
