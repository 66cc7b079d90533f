/** A visitor of the chat without a browser: signs in over HTTP, then talks through one of the servers. */
import { WsPeer } from "@longwire/testkit";
import type { ClientMessage, Framework, ServerMessage } from "../src/messages.ts";
import { SUBPROTOCOL } from "../src/token.ts";

export interface Session {
  readonly token: string;
  readonly servers: ReadonlyArray<{ readonly framework: Framework; readonly port: number }>;
}

/** Asks the page's server for a token and for the list of servers. */
export async function signIn(page: string, name: string): Promise<Session> {
  const response = await fetch(new URL("/session", page), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name }),
  });
  if (response.status !== 200) throw new Error(`signing in was answered with ${response.status}`);
  return (await response.json()) as Session; // the shape that site.ts gives it
}

type Kind = ServerMessage["type"];
type OfKind<K extends Kind> = Extract<ServerMessage, { readonly type: K }>;

export class Visitor {
  readonly peer: WsPeer;

  private constructor(peer: WsPeer) {
    this.peer = peer;
  }

  /** Signs in and connects through one framework, as the page does. */
  static async enter(page: string, name: string, framework: Framework): Promise<Visitor> {
    const { token, servers } = await signIn(page, name);
    const port = servers.find((server) => server.framework === framework)?.port;
    const peer = await WsPeer.open(`ws://127.0.0.1:${port}/chat`, {
      subprotocols: [SUBPROTOCOL, `token.${token}`],
      origin: new URL(page).origin,
    });
    return new Visitor(peer);
  }

  send(message: ClientMessage): void {
    this.peer.send(JSON.stringify(message));
  }

  /** The next message of this kind; those of other kinds are passed over. */
  async next<K extends Kind>(kind: K): Promise<OfKind<K>> {
    for (;;) {
      // The contract under test: each test checks the fields it reads.
      const message = JSON.parse(String(await this.peer.next())) as ServerMessage;
      if (message.type === kind) return message as OfKind<K>;
    }
  }
}
