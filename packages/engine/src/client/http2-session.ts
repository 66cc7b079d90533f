/** HTTP/2 connections of a Dialer: opened when a server speaks it, shared, and closed behind the last WebSocket. RFC 8441. */

import { connect, type ClientHttp2Session, type Http2Session } from "node:http2";
import type { Duplex } from "node:stream";
import { HandshakeError } from "../errors.ts";
import type { DialTarget } from "../opening-handshake/websocket-url.ts";
import { settle } from "./await-socket.ts";
import type { DialProgress } from "./dial-progress.ts";

/** A place on a session, for one request and the connection that may come of it. */
export interface Lease {
  readonly session: ClientHttp2Session;
  /** Others have used the session before: it may have gone by now without a word. */
  readonly isReused: boolean;
  readonly release: () => void;
}

function ignoreError(): void {}

/**
 * Begins HTTP/2 on a connection and awaits the server's settings. Until then the session belongs to the dial.
 *
 * @throws HandshakeError WS_DIAL_FAILED when there is no HTTP/2; the reason why the dial was given up.
 */
export async function beginSession(
  socket: Duplex,
  { host, secure }: DialTarget,
  peer: string,
  progress: DialProgress,
): Promise<ClientHttp2Session> {
  const session = connect(`${secure ? "https" : "http"}://${host}`, {
    createConnection: () => socket,
    settings: { enablePush: false },
  });
  session.on("error", ignoreError); // for life: each stream tells its own end
  progress.ownSession(session);
  await awaitSettings(session, peer, progress);
  return session;
}

/** Those whose settings are awaited, or have come. */
const arrivals = new WeakMap<ClientHttp2Session, Promise<void>>();

/**
 * The arrival of the server's settings, which come before everything else that it sends. Node does not tell whether they
 * have come already: the answer to a ping does. One for all dials, since node sends no more than ten pings at a time.
 */
function settingsOf(session: ClientHttp2Session): Promise<void> {
  const known = arrivals.get(session);
  if (known !== undefined) return known;
  const ofNobody = new AbortController().signal;
  const arrival = settle<void>(session, ofNobody, (done) => {
    const onSettings = (): void => done({ value: undefined });
    session.once("remoteSettings", onSettings);
    const onPong = (error: Error | null): void => {
      if (error === null) onSettings();
    };
    if (!session.connecting && !session.destroyed) session.ping(onPong);
    return () => session.off("remoteSettings", onSettings);
  });
  arrival.catch(ignoreError); // whoever waits hears of it
  arrivals.set(session, arrival);
  return arrival;
}

/**
 * Awaits the server's settings.
 *
 * @throws As {@link beginSession}.
 */
export async function awaitSettings(
  session: ClientHttp2Session,
  peer: string,
  progress: DialProgress,
): Promise<void> {
  try {
    await progress.race(settingsOf(session));
  } catch (cause) {
    if (progress.signal.aborted) throw cause;
    const how = cause instanceof Error ? cause.message : String(cause);
    const message = `no HTTP/2 with ${peer}: ${how}`;
    throw new HandshakeError(0, message, { code: "WS_DIAL_FAILED", cause });
  }
}

/** "Upon receipt of SETTINGS_ENABLE_CONNECT_PROTOCOL with a value of 1, a client MAY use the Extended CONNECT" §3 */
export function takesWebSockets({ remoteSettings }: Http2Session): boolean {
  return remoteSettings.enableConnectProtocol === true;
}

class SharedSession {
  readonly session: ClientHttp2Session;
  #leases = 0;
  #used = false;

  constructor(session: ClientHttp2Session) {
    this.session = session;
  }

  /** It is open, and has room for one more stream. */
  get hasRoom(): boolean {
    const { session } = this;
    const most = session.remoteSettings.maxConcurrentStreams ?? Infinity;
    return !session.closed && !session.destroyed && this.#leases < most;
  }

  lease(): Lease {
    this.#leases++;
    const isReused = this.#used;
    this.#used = true;
    let released = false;
    const release = (): void => {
      if (released) return;
      released = true;
      if (--this.#leases === 0) this.session.close();
    };
    return { session: this.session, isReused, release };
  }
}

/** The sessions of one Dialer, by the way that leads to their server. */
export class SessionPool {
  readonly #sessions: Map<string, SharedSession> = new Map();
  readonly #opening: Map<string, Promise<unknown>> = new Map();

  /** A place on the session that is there. */
  find(way: string): Lease | undefined {
    const shared = this.#sessions.get(way);
    return shared?.hasRoom === true ? shared.lease() : undefined;
  }

  /** Another dial's attempt to open one; never rejects. */
  opening(way: string): Promise<unknown> | undefined {
    return this.#opening.get(way);
  }

  /** Lets other dials of the same way wait for what `open` brings about. */
  async opens<T>(way: string, open: () => Promise<T>): Promise<T> {
    const opened = open();
    const settled = opened.then(ignoreError, ignoreError);
    this.#opening.set(way, settled);
    try {
      return await opened;
    } finally {
      if (this.#opening.get(way) === settled) this.#opening.delete(way);
    }
  }

  /** Shares a session from here on. */
  share(way: string, session: ClientHttp2Session): Lease {
    const shared = new SharedSession(session);
    this.#sessions.set(way, shared);
    const forget = (): void => {
      if (this.#sessions.get(way) === shared) this.#sessions.delete(way);
    };
    session.once("close", forget);
    session.once("goaway", forget); // "Receivers of a GOAWAY frame MUST NOT open additional streams" RFC 9113 §6.8
    return shared.lease();
  }
}
