/** This page's place in the room: one token, one WebSocket, and another attempt whenever it ends. */
import { backoff } from "./backoff.js";

const SUBPROTOCOL = "longwire-chat";
const OPEN_WITHIN = 10_000; // ms; a browser would wait for minutes
const PULSE_EVERY = 15_000; // ms
const STEADY_AFTER = 5_000; // ms open until earlier failures are forgotten
const GOING_AWAY = 1001;

/**
 * @typedef {{ framework: string, port: number }} Server
 * @typedef {{ framework: string, name: string }} Place
 * @typedef {{ state: "connecting" | "open" | "waiting", place: Place, port?: number, failures: number, delay?: number, why?: string }} Status
 */

/**
 * Asks the page's own server for a token and for the list of chat servers.
 *
 * @param {string} name
 * @param {AbortSignal} signal
 * @returns {Promise<{ token: string, servers: Server[] }>}
 */
export async function signIn(name, signal) {
  const response = await fetch("/session", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name }),
    signal,
  });
  if (!response.ok) throw new Error(`sign-in answered ${response.status}`);
  return response.json();
}

/** Protocols for a chat socket: browsers let scripts set no header but this one. @param {string} [token] */
export function protocolsFor(token) {
  return token === undefined ? [SUBPROTOCOL] : [SUBPROTOCOL, `token.${token}`];
}

/** The chat route of one server, on the host name that this page came from. @param {number} port */
export function chatUrl(port) {
  const url = new URL("/chat", location.href);
  url.port = String(port);
  return url;
}

export class Connection {
  /** @type {(status: Status) => void} */
  #onStatus;
  /** @type {(message: any) => void} */
  #onMessage;
  /** @type {Place | undefined} */
  #place;
  /** @type {WebSocket | undefined} */
  #socket;
  #attempt = new AbortController();
  #failures = 0;
  #answered = true;

  /**
   * @param {(status: Status) => void} onStatus
   * @param {(message: any) => void} onMessage
   */
  constructor(onStatus, onMessage) {
    this.#onStatus = onStatus;
    this.#onMessage = onMessage;
    addEventListener("online", () => this.retry());
    addEventListener("pageshow", (event) => event.persisted && this.retry());
  }

  /** Leaves the present place and takes this one. @param {Place} place */
  join(place) {
    this.#place = place;
    this.#failures = 0;
    void this.#connect(place);
  }

  /** Ends a wait between two attempts. */
  retry() {
    if (this.#place !== undefined && this.#socket === undefined) void this.#connect(this.#place);
  }

  /** Sends one message; false when there is no open socket, and then nothing was sent. @param {object} message */
  send(message) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  /** @param {Place} place */
  async #connect(place) {
    this.#attempt.abort(); // ends whatever an earlier attempt still does
    this.#attempt = new AbortController();
    const { signal } = this.#attempt;
    this.#onStatus({ state: "connecting", place, failures: this.#failures });
    try {
      const timeout = AbortSignal.timeout(OPEN_WITHIN);
      const { token, servers } = await signIn(place.name, AbortSignal.any([signal, timeout]));
      const server = servers.find(({ framework }) => framework === place.framework);
      if (server === undefined) throw new Error(`no server runs ${place.framework}`);
      if (!signal.aborted) this.#open(place, server, token, signal);
    } catch (error) {
      if (!signal.aborted) this.#wait(place, signal, "The server cannot be reached");
    }
  }

  /**
   * @param {Place} place
   * @param {Server} server
   * @param {string} token
   * @param {AbortSignal} signal
   */
  #open(place, { port }, token, signal) {
    const url = chatUrl(port);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url, protocolsFor(token));
    this.#socket = socket;
    const over = new AbortController(); // ends this socket's listeners and timers
    const listen = { signal: over.signal };
    /** @param {string} [why] */
    const end = (why) => {
      over.abort();
      if (this.#socket === socket) this.#socket = undefined;
      socket.close();
      if (!signal.aborted) this.#wait(place, signal, why ?? "The connection was lost");
    };
    signal.addEventListener("abort", () => end(), listen);
    after(OPEN_WITHIN, over.signal, () => socket.readyState === WebSocket.OPEN || end());
    socket.addEventListener(
      "open",
      () => {
        this.#onStatus({ state: "open", place, port, failures: this.#failures });
        this.#pulse(over.signal, end);
        after(STEADY_AFTER, over.signal, () => (this.#failures = 0));
      },
      listen,
    );
    socket.addEventListener(
      "message",
      ({ data }) => {
        this.#answered = true;
        this.#onMessage(JSON.parse(data));
      },
      listen,
    );
    socket.addEventListener(
      "close",
      ({ code }) => end(code === GOING_AWAY ? "The server is restarting" : undefined),
      listen,
    );
  }

  /**
   * Compares clocks now and then, which also finds a connection that has died without a word.
   *
   * @param {AbortSignal} signal
   * @param {() => void} end
   */
  #pulse(signal, end) {
    const beat = () => this.send({ type: "clock", sent: performance.now() });
    for (let i = 0; i < 5; i++) beat();
    this.#answered = true;
    const timer = setInterval(() => {
      if (!this.#answered) return end();
      this.#answered = false;
      beat();
    }, PULSE_EVERY);
    signal.addEventListener("abort", () => clearInterval(timer));
  }

  /**
   * @param {Place} place
   * @param {AbortSignal} signal
   * @param {string} why
   */
  #wait(place, signal, why) {
    const delay = backoff(this.#failures++);
    this.#onStatus({ state: "waiting", place, failures: this.#failures, delay, why });
    after(delay, signal, () => void this.#connect(place));
  }
}

/**
 * Runs `then` after `ms` milliseconds, unless the signal comes first.
 *
 * @param {number} ms
 * @param {AbortSignal} signal
 * @param {() => void} then
 */
function after(ms, signal, then) {
  const timer = setTimeout(then, ms);
  signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
}
