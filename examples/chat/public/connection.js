/** This page's place in the room: one token, one WebSocket, and another attempt whenever it ends. */
import { backoff } from "./backoff.js";

const SUBPROTOCOL = "longwire-chat";
const OPEN_WITHIN = 10_000; // ms; a browser would wait for minutes
const FIRST_PULSES = [0, 100, 300, 700, 1_500, 3_000]; // ms after opening, while the page is still busy loading
const PULSE_EVERY = 15_000; // ms
const STEADY_AFTER = 5_000; // ms open until earlier failures are forgotten
const GOING_AWAY = 1001;

/**
 * @import { ClientMessage, Framework, ServerMessage } from "../src/messages.ts"
 *
 * @typedef {{ framework: Framework, port: number }} Server
 * @typedef {{ framework: Framework, name: string }} Place
 * @typedef {{ state: "connecting" | "open" | "waiting", place: Place, failures: number, why: string, delay?: number, servers?: Server[] }} Status
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
  /** @type {(message: ServerMessage) => void} */
  #onMessage;
  /** @type {Place | undefined} */
  #place;
  /** @type {WebSocket | undefined} */
  #socket;
  #attempt = new AbortController();
  #failures = 0;
  #why = "";
  #answered = true;

  /**
   * @param {(status: Status) => void} onStatus
   * @param {(message: ServerMessage) => void} onMessage
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

  /** Sends one message; false when there is no open socket, and then nothing was sent. @param {ClientMessage} message */
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
    this.#tell("connecting", place);
    try {
      const timeout = AbortSignal.timeout(OPEN_WITHIN);
      const { token, servers } = await signIn(place.name, AbortSignal.any([signal, timeout]));
      const server = servers.find(({ framework }) => framework === place.framework);
      if (server === undefined) throw new Error(`no server runs ${place.framework}`);
      if (!signal.aborted) this.#open(place, server.port, servers, token, signal);
    } catch {
      if (!signal.aborted) this.#wait(place, signal, "The server cannot be reached");
    }
  }

  /**
   * @param {Place} place
   * @param {number} port
   * @param {Server[]} servers
   * @param {string} token
   * @param {AbortSignal} signal
   */
  #open(place, port, servers, token, signal) {
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
      socket.close(1000);
      if (!signal.aborted) this.#wait(place, signal, why ?? "The connection was lost");
    };
    signal.addEventListener("abort", () => end(), listen);
    after(OPEN_WITHIN, over.signal, () => socket.readyState === WebSocket.OPEN || end());
    socket.addEventListener(
      "open",
      () => {
        this.#tell("open", place, { servers });
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
    const beat = () => void this.send({ type: "clock", sent: performance.now() });
    for (const delay of FIRST_PULSES) after(delay, signal, beat);
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
    this.#why = why;
    this.#tell("waiting", place, { delay });
    after(delay, signal, () => void this.#connect(place));
  }

  /**
   * @param {Status["state"]} state
   * @param {Place} place
   * @param {Partial<Status>} [more]
   */
  #tell(state, place, more) {
    this.#onStatus({ state, place, failures: this.#failures, why: this.#why, ...more });
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
