/** permessage-deflate in the opening handshake: offer, answer, and what both sides then hold to. RFC 7692 §5, §7.1. */

import type { ResolvedCompression } from "./compression-options.ts";
import { formatExtensions, type Extension, type ExtensionParameter } from "./extension-header.ts";
import { showText } from "./header-text.ts";

const EXTENSION_NAME = "permessage-deflate";
const FULL_WINDOW_BITS = 15;

/** What both sides have agreed on. */
export interface NegotiatedDeflate {
  /** The server compresses each message on its own. */
  readonly serverNoContextTakeover: boolean;
  /** The client compresses each message on its own. */
  readonly clientNoContextTakeover: boolean;
  /** Window of messages from the server, 8-15. At 8 the compressor runs with zlib's 9, which reaches back 250 bytes at most. */
  readonly serverMaxWindowBits: number;
  /** Window of messages from the client, 8-15; at 8 as above. */
  readonly clientMaxWindowBits: number;
}

/** The parameters of one offer or answer, as they stand there. */
interface DeflateParameters {
  readonly serverNoContextTakeover: boolean;
  readonly clientNoContextTakeover: boolean;
  readonly serverMaxWindowBits: number | undefined;
  /** `true`: there, without a value. */
  readonly clientMaxWindowBits: number | true | undefined;
}

/** Why something cannot be agreed to, in words that name the value. */
type Problem = string;

/**
 * "a decimal integer value without leading zeroes between 8 to 15" §7.1.2.1. A table rather than a conversion, since
 * `Number` also takes "+9", "1e1" and "".
 */
const WINDOW_BITS: ReadonlyMap<string, number> = new Map(
  [8, 9, 10, 11, 12, 13, 14, 15].map((bits) => [String(bits), bits]),
);

function windowBits({ name, value }: ExtensionParameter): number | Problem {
  const bits = value === undefined ? undefined : WINDOW_BITS.get(value);
  if (bits !== undefined) return bits;
  return `${name} must be 8 to 15, got ${value === undefined ? "no value" : showText(value)}`;
}

/**
 * Reads the parameters, or says what is wrong. §7 has the same list for offers and answers: a parameter that is not
 * defined, one with an invalid value, several with the same name.
 */
function readParameters(extension: Extension): DeflateParameters | Problem {
  const seen = new Set<string>();
  let server: number | undefined;
  let client: number | true | undefined;
  for (const parameter of extension.parameters) {
    const { name, value } = parameter;
    if (seen.has(name)) return `${name} stands there twice`;
    seen.add(name);
    switch (name) {
      case "server_no_context_takeover":
      case "client_no_context_takeover":
        if (value !== undefined) return `${name} takes no value, got ${showText(value)}`;
        break;
      case "server_max_window_bits": {
        const bits = windowBits(parameter);
        if (typeof bits === "string") return bits;
        server = bits;
        break;
      }
      case "client_max_window_bits": {
        const bits = value === undefined ? true : windowBits(parameter);
        if (typeof bits === "string") return bits;
        client = bits;
        break;
      }
      default:
        return `unknown parameter ${showText(name)}`;
    }
  }
  return {
    serverNoContextTakeover: seen.has("server_no_context_takeover"),
    clientNoContextTakeover: seen.has("client_no_context_takeover"),
    serverMaxWindowBits: server,
    clientMaxWindowBits: client,
  };
}

function toExtension(parameters: DeflateParameters): Extension {
  const list: ExtensionParameter[] = [];
  const { serverMaxWindowBits: server, clientMaxWindowBits: client } = parameters;
  if (parameters.serverNoContextTakeover) {
    list.push({ name: "server_no_context_takeover", value: undefined });
  }
  if (parameters.clientNoContextTakeover) {
    list.push({ name: "client_no_context_takeover", value: undefined });
  }
  if (server !== undefined) list.push({ name: "server_max_window_bits", value: String(server) });
  if (client !== undefined) {
    list.push({
      name: "client_max_window_bits",
      value: client === true ? undefined : String(client),
    });
  }
  return { name: EXTENSION_NAME, parameters: list };
}

/** An answer for the Sec-WebSocket-Extensions header, and what it means. */
export interface AcceptedOffer {
  readonly response: string;
  readonly deflate: NegotiatedDeflate;
}

function answer(offer: DeflateParameters, options: ResolvedCompression): AcceptedOffer {
  const clientLimits = offer.clientMaxWindowBits !== undefined;
  const offeredClientBits =
    typeof offer.clientMaxWindowBits === "number" ? offer.clientMaxWindowBits : FULL_WINDOW_BITS;
  // A client that cannot limit its window may refer back 32 KiB: across messages only when we mean to keep them.
  const windowTooLarge =
    !clientLimits && options.clientMaxWindowBits < FULL_WINDOW_BITS && !options.keepFullPeerWindow;
  const deflate: NegotiatedDeflate = {
    serverNoContextTakeover: offer.serverNoContextTakeover || options.serverNoContextTakeover,
    clientNoContextTakeover:
      offer.clientNoContextTakeover || options.clientNoContextTakeover || windowTooLarge,
    serverMaxWindowBits: Math.min(
      offer.serverMaxWindowBits ?? FULL_WINDOW_BITS,
      options.serverMaxWindowBits,
    ),
    clientMaxWindowBits: clientLimits
      ? Math.min(offeredClientBits, options.clientMaxWindowBits)
      : FULL_WINDOW_BITS,
  };
  const response = formatExtensions([
    toExtension({
      ...deflate,
      // Said only to a client that asked: a smaller window than it reckons with is legal without a word.
      serverMaxWindowBits:
        offer.serverMaxWindowBits === undefined ? undefined : deflate.serverMaxWindowBits,
      // "If a received extension negotiation offer doesn't have the "client_max_window_bits" extension parameter,
      // the corresponding extension negotiation response … MUST NOT include" it. §7.1.2.2
      clientMaxWindowBits: clientLimits ? deflate.clientMaxWindowBits : undefined,
    }),
  ]);
  return { response, deflate };
}

/**
 * Server: answers the first permessage-deflate offer that can be met, `undefined` when there is none.
 * An offer with a parameter that is unknown, repeated or out of range is declined and the next one tried; that is
 * never an error, the connection goes on without compression (§5.1, §7).
 */
export function acceptOffer(
  offers: readonly Extension[],
  options: ResolvedCompression,
): AcceptedOffer | undefined {
  for (const offer of offers) {
    if (offer.name !== EXTENSION_NAME) continue;
    const parameters = readParameters(offer);
    if (typeof parameters !== "string") return answer(parameters, options);
  }
  return undefined;
}

/** What a client offers: the header value, and what an answer is held against. */
export interface DeflateOffer {
  readonly header: string;
  /** Most wanted first. */
  readonly alternatives: readonly DeflateParameters[];
  /** The client's own window, 8-15, whatever the answer allows. */
  readonly clientMaxWindowBits: number;
}

/**
 * Client: makes the offer. A limit on the server's window is followed by a second offer without it, because a server
 * that cannot limit its window has to decline the first; the second asks it to compress each message on its own, so
 * that nothing of the window has to be kept.
 */
export function makeOffer(options: ResolvedCompression): DeflateOffer {
  const { serverMaxWindowBits: server, clientMaxWindowBits: client } = options;
  const unlimited: DeflateParameters = {
    serverNoContextTakeover: options.serverNoContextTakeover,
    clientNoContextTakeover: options.clientNoContextTakeover,
    serverMaxWindowBits: undefined,
    clientMaxWindowBits: client === FULL_WINDOW_BITS ? true : client,
  };
  const alternatives =
    server === FULL_WINDOW_BITS
      ? [unlimited]
      : [
          { ...unlimited, serverMaxWindowBits: server },
          options.keepFullPeerWindow ? unlimited : { ...unlimited, serverNoContextTakeover: true },
        ];
  return {
    header: formatExtensions(alternatives.map(toExtension)),
    alternatives,
    clientMaxWindowBits: client,
  };
}

/** A server accepts a parameter by answering it, a window "with the same or smaller value as the offer" §7.1.2.1. */
function meets(response: DeflateParameters, offer: DeflateParameters): boolean {
  if (offer.serverNoContextTakeover && !response.serverNoContextTakeover) return false;
  if (offer.serverMaxWindowBits === undefined) return true;
  return (response.serverMaxWindowBits ?? FULL_WINDOW_BITS) <= offer.serverMaxWindowBits;
}

/**
 * Client: holds the server's answer against the offer. Returns what was agreed, or a text that says why the client
 * "MUST _Fail the WebSocket Connection_" (§7).
 *
 * `server_no_context_takeover`, `client_no_context_takeover` and `server_max_window_bits` may come unasked (§7.1.1,
 * §7.1.2.1).
 */
export function checkResponse(
  response: Extension,
  offer: DeflateOffer,
): NegotiatedDeflate | Problem {
  if (response.name !== EXTENSION_NAME) {
    return `extension ${showText(response.name)} was not offered`;
  }
  const parameters = readParameters(response);
  if (typeof parameters === "string") return `${EXTENSION_NAME}: ${parameters}`;
  const { serverMaxWindowBits: server, clientMaxWindowBits: client } = parameters;
  if (client === true) return `${EXTENSION_NAME}: client_max_window_bits must have a value`;
  if (client !== undefined && client > offer.clientMaxWindowBits) {
    return `${EXTENSION_NAME}: client_max_window_bits ${client} is more than the offered ${offer.clientMaxWindowBits}`;
  }
  if (!offer.alternatives.some((alternative) => meets(parameters, alternative))) {
    return `${EXTENSION_NAME}: ${showText(formatExtensions([response]))} answers none of the offers ${showText(offer.header)}`;
  }
  return {
    serverNoContextTakeover: parameters.serverNoContextTakeover,
    // What was offered binds the client even if the answer does not repeat it. §7.1.1.2
    clientNoContextTakeover:
      parameters.clientNoContextTakeover ||
      offer.alternatives.every((alternative) => alternative.clientNoContextTakeover),
    serverMaxWindowBits: server ?? FULL_WINDOW_BITS,
    clientMaxWindowBits: client ?? offer.clientMaxWindowBits,
  };
}
