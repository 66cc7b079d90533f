/** What the routes say over HTTP: the same words from all five servers. */
import { randomUUID } from "node:crypto";

/** Tells whether a request may open `/guarded`. */
export function isAuthorized(authorization: string | undefined): boolean {
  return authorization === "Bearer let-me-in";
}

/** Body of the 401 of `/guarded`. */
export const UNAUTHORIZED = { error: "unauthorized" } as const;

/** Headers that `/guarded` puts on its 101. */
export function sessionHeaders(): {
  readonly "Set-Cookie": string;
  readonly "X-Request-Id": string;
} {
  return { "Set-Cookie": "session=abc", "X-Request-Id": randomUUID() };
}

/** Body of the ordinary route `/http`. */
export const HTTP_BODY = "an ordinary HTTP route\n";
