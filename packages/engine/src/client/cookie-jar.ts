/** Cookies of the opening handshake: taken from a jar, and put into it. RFC 6265, RFC 6455 §4.1. */

import type { HeaderField } from "../opening-handshake/header-fields.ts";

/** What a Dialer asks of a jar. tough-cookie's `CookieJar` has it. */
export interface CookieJar {
  /** The cookies for an http: or https: URL as they stand in a Cookie header, "" for none. */
  getCookieString(url: string): string | PromiseLike<string>;
  /** Stores the value of one Set-Cookie line. With `ignoreError` a cookie that is refused is no error. */
  setCookie(cookie: string, url: string, options: { ignoreError: boolean }): unknown;
}

/**
 * Adds the cookies of a jar to headers that are to be sent, behind those that the caller has put there: "the user agent
 * MUST NOT attach more than one Cookie header field" RFC 6265 §5.4.
 */
export async function withCookies(
  headers: readonly HeaderField[],
  jar: CookieJar,
  url: string,
): Promise<HeaderField[]> {
  const stored = await jar.getCookieString(url);
  const isCookie = ([name]: HeaderField): boolean => name.toLowerCase() === "cookie";
  const given = headers.filter(isCookie).map(([, value]) => value);
  const cookies = [...given, stored].filter((value) => value !== "");
  const others = headers.filter((field) => !isCookie(field));
  return cookies.length === 0 ? others : [...others, ["Cookie", cookies.join("; ")]];
}

/** Stores every cookie of a response, one behind the other since jars may lock. */
export async function storeCookies(
  setCookie: string | string[] | undefined,
  jar: CookieJar,
  url: string,
): Promise<void> {
  for (const cookie of typeof setCookie === "string" ? [setCookie] : (setCookie ?? [])) {
    await jar.setCookie(cookie, url, { ignoreError: true });
  }
}
