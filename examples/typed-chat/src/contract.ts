/** What travels on /chat. The server checks by these schemas; the page knows their types, and loads nothing of them. */
import type { Messages } from "@longwire/hono";
import { z } from "zod";

export const chat = {
  incoming: z.object({ text: z.string().trim().min(1).max(80) }),
  outgoing: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("said"), text: z.string(), at: z.date() }),
    z.object({ kind: z.literal("here"), people: z.number().int() }),
    z.object({ kind: z.literal("refused"), path: z.string(), reason: z.string() }),
  ]),
} satisfies Messages;
