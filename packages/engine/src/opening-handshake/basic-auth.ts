/** Basic authorization: the value that stands for a user and a password. RFC 7617. */

import { hasControlCharacter } from "./header-fields.ts";

/** A user and a password, as they are: not percent-encoded. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/**
 * Makes the value of an Authorization or Proxy-Authorization header. The text is encoded as UTF-8 (§2.1).
 *
 * @throws TypeError when the user has a colon, or either has a control character (§2). The text itself is a secret, and
 *   stays out of the message.
 */
export function basicAuthorization({ username, password }: Credentials): string {
  if (typeof username !== "string" || typeof password !== "string") {
    throw new TypeError("username and password must be strings");
  }
  // "a user-id containing a colon character is invalid" §2
  if (username.includes(":")) throw new TypeError("username must not contain a colon");
  if (hasControlCharacter(username) || hasControlCharacter(password)) {
    throw new TypeError("username and password must not contain control characters");
  }
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

/**
 * Takes user and password out of a URL; `undefined` when it has neither.
 *
 * @param what - Names the URL in the error.
 * @throws TypeError when they are not percent-encoded UTF-8.
 */
export function urlCredentials(
  { username, password }: Pick<URL, "username" | "password">,
  what: string,
): Credentials | undefined {
  if (username === "" && password === "") return undefined;
  try {
    return { username: decodeURIComponent(username), password: decodeURIComponent(password) };
  } catch (cause) {
    throw new TypeError(`user and password in the ${what} must be percent-encoded UTF-8`, {
      cause,
    });
  }
}
