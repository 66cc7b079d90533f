/** The message contract between the page and the four servers. */

export const FRAMEWORKS = ["Fastify", "Express", "Koa", "Hono"] as const;
export type Framework = (typeof FRAMEWORKS)[number];

/** One connection in the room. */
export interface Member {
  readonly id: string;
  readonly name: string;
  readonly framework: Framework;
}

/** One message as everybody reads it. */
export interface Said {
  readonly type: "said";
  readonly id: string;
  readonly from: Member;
  readonly text: string;
  /** When it was said, for the reader: an ISO date. */
  readonly time: string;
  /** When the sender's server had read it, in ms of the clock that `clock` answers with. */
  readonly at: number;
}

export type ServerMessage =
  | Said
  | {
      readonly type: "welcome";
      readonly you: string;
      readonly members: readonly Member[];
      /** The last messages, oldest first. */
      readonly earlier: readonly Said[];
      /** The source of the server that carries this connection. */
      readonly source: { readonly file: string; readonly text: string };
    }
  | { readonly type: "joined"; readonly member: Member }
  | { readonly type: "left"; readonly member: Member }
  /** Answers a `clock` of the page: what it sent, and the server's time in ms. */
  | { readonly type: "clock"; readonly sent: number; readonly time: number };

export type ClientMessage =
  | { readonly type: "say"; readonly text: string }
  | { readonly type: "clock"; readonly sent: number };

export const LONGEST_TEXT = 500;

/** The message in this text; undefined when it is none that a page sends. */
export function parseClientMessage(json: string): ClientMessage | undefined {
  const value = parseObject(json);
  if (value?.["type"] === "clock" && typeof value["sent"] === "number") {
    return { type: "clock", sent: value["sent"] };
  }
  if (value?.["type"] === "say" && typeof value["text"] === "string") {
    const text = value["text"].trim();
    if (text !== "" && text.length <= LONGEST_TEXT) return { type: "say", text };
  }
  return undefined;
}

function parseObject(json: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(json);
    // An object literal or an array: either may be read by name.
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
