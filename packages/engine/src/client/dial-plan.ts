/** What one step of a dial is to ask for: the URL, and what may be sent there. A redirect makes a new plan. */

import type { Credentials } from "../opening-handshake/basic-auth.ts";
import { outgoingHeaders, type HeaderField } from "../opening-handshake/header-fields.ts";
import { isSameServer, withoutCredentials } from "../opening-handshake/redirect.ts";
import { parseWebSocketUrl, type DialTarget } from "../opening-handshake/websocket-url.ts";
import type { DialOptions, DialTlsOptions, ResolvedDialerOptions } from "./dial-options.ts";
import { forAnotherServer } from "./secure.ts";

export interface DialPlan {
  readonly url: URL;
  readonly target: DialTarget;
  readonly headers: readonly HeaderField[];
  readonly basicAuth: boolean | Credentials;
  readonly tls: DialTlsOptions;
}

const NONE_RESERVED: ReadonlyMap<string, string> = new Map();

/**
 * Plans the first step.
 *
 * @throws TypeError for a URL or header that can't be sent.
 */
export function firstPlan(
  url: string | URL,
  options: DialOptions,
  { basicAuth, tls }: ResolvedDialerOptions,
): DialPlan {
  const target = parseWebSocketUrl(url);
  const given = basicAuth === true ? (target.credentials ?? true) : basicAuth;
  // Listed once: an iterable of headers may be used up after that.
  const headers = outgoingHeaders(options.headers, NONE_RESERVED);
  return { url: new URL(url), target, headers, basicAuth: given, tls };
}

/** Plans the step behind a redirect. What has been left behind at another origin does not come back. */
export function redirectedPlan(from: DialPlan, url: URL): DialPlan {
  const target = parseWebSocketUrl(url);
  if (isSameServer(from.url, url)) return { ...from, url, target };
  return {
    url,
    target,
    headers: withoutCredentials(from.headers),
    basicAuth: false,
    tls: forAnotherServer(from.tls),
  };
}
