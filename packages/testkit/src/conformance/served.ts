/** One server of the suite with everything that a test does to it; it is gone when the test is over. */
import type { Server } from "node:http";
import type { Http2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import type { Conn } from "@longwire/engine";
import { onTestFinished } from "vitest";
import type {
  AccessLine,
  AdapterUnderTest,
  AppSpec,
  HttpRoute,
  RequestView,
  RunningServer,
  SocketRoute,
} from "../adapter-under-test.ts";
import { Http2Gateway } from "../http2-gateway.ts";
import { upgradeText, type RawResponse, type RequestFields } from "../raw-http.ts";
import { RawPeer } from "../raw-peer.ts";
import { Inbox, within } from "../wait.ts";
import { WsPeer, type WsPeerOptions } from "../ws-peer.ts";

/** Describes a socket route; `rest` replaces the form `call` and adds steps and options. */
export function socket(
  path: string,
  handler: (conn: Conn, view: RequestView) => unknown,
  rest: Partial<Omit<SocketRoute, "kind" | "path" | "handler">> = {},
): SocketRoute {
  return { kind: "socket", path, form: "call", handler, ...rest };
}

/** Describes an ordinary GET route that answers 200 with `body`. */
export function page(
  path: string,
  body: string,
  rest: Partial<Omit<HttpRoute, "kind" | "path">> = {},
): HttpRoute {
  return { kind: "http", method: "GET", path, answer: () => body, ...rest };
}

/** Reads and writes back until the connection ends. */
export async function echo(conn: Conn): Promise<never> {
  for (;;) {
    const message = await conn.readMessage();
    await conn.writeMessage(message.type, message.data);
  }
}

/** Every app of the suite has it: a route that tells whether the server still works. */
const ALIVE_PATH = "/alive";

export class Served {
  readonly server: Server | Http2Server;
  /** Of the server, or of the gateway before it when the server speaks HTTP/2. */
  readonly port: number;
  /** What came out of the framework's error channel. */
  readonly errors: Inbox<unknown>;
  /** What the framework's access log was told. */
  readonly access: Inbox<AccessLine>;
  readonly #running: RunningServer;
  #closing: Promise<void> | undefined;

  constructor(
    running: RunningServer,
    port: number,
    errors: Inbox<unknown>,
    access: Inbox<AccessLine>,
  ) {
    this.#running = running;
    this.server = running.server;
    this.port = port;
    this.errors = errors;
    this.access = access;
  }

  /** The framework's own close, called once. */
  async close(): Promise<void> {
    this.#closing ??= this.#running.close();
    await within(this.#closing, "the framework's close");
  }

  url(path: string): string {
    return `ws://127.0.0.1:${this.port}${path}`;
  }

  /** The request's own origin, as a browser would send it. */
  get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  async ws(path: string, o?: WsPeerOptions): Promise<WsPeer> {
    const peer = await WsPeer.open(this.url(path), o);
    onTestFinished(() => peer[Symbol.dispose]());
    return peer;
  }

  async refused(path: string, o?: WsPeerOptions): Promise<RawResponse> {
    return WsPeer.refused(this.url(path), o);
  }

  /** Connects without sending anything. */
  async raw(): Promise<RawPeer> {
    const peer = await RawPeer.connect(this.port);
    onTestFinished(() => peer[Symbol.dispose]());
    return peer;
  }

  /** Connects and completes the opening handshake. */
  async rawSocket(path: string, fields?: RequestFields): Promise<RawPeer> {
    const peer = await RawPeer.upgrade(this.port, path, fields);
    onTestFinished(() => peer[Symbol.dispose]());
    return peer;
  }

  /** Sends one upgrade request and reads the answer. */
  async rawAnswer(path: string, fields: RequestFields = {}): Promise<RawResponse> {
    return this.rawAnswerTo(upgradeText(path, { Host: this.host, ...fields }));
  }

  /** Sends the bytes of one request and reads the answer. */
  async rawAnswerTo(request: string): Promise<RawResponse> {
    const peer = await this.raw();
    peer.send(request);
    return peer.readResponse();
  }

  /** Connects to a route beside the tested ones and echoes; throws when the server cannot do that any more. */
  async proveAlive(): Promise<void> {
    using peer = await WsPeer.open(this.url(ALIVE_PATH));
    peer.send("still there?");
    const answer = await peer.next();
    if (answer !== "still there?") throw new Error(`expected an echo, got ${String(answer)}`);
  }

  /** What has come out of the error channel, after a whole connection beside the tested one. */
  async errorsSoFar(): Promise<readonly unknown[]> {
    await this.proveAlive();
    return this.errors.all;
  }
}

/** Starts an app with the given parts. Peers that do not answer are dropped after 200 ms. */
export async function serve(
  adapter: AdapterUnderTest,
  parts: Partial<Omit<AppSpec, "onAccess" | "onError">>,
): Promise<Served> {
  const errors = new Inbox<unknown>("an error in the framework's error channel");
  const access = new Inbox<AccessLine>("a line in the framework's access log");
  const running = await adapter.start({
    steps: parts.steps ?? [],
    routes: [...(parts.routes ?? []), socket(ALIVE_PATH, echo)],
    mounts: parts.mounts ?? [],
    around: parts.around,
    late: parts.late,
    onAccess: (line) => {
      if (line.url !== ALIVE_PATH) access.push(line);
    },
    onError: (error) => errors.push(error),
    http2: adapter.overHttp2 === true,
    attach: parts.attach === false ? false : { drainTimeout: 200, ...parts.attach },
  });
  const { port } = running.server.address() as AddressInfo; // a TCP address is never a string
  const gateway = adapter.overHttp2 === true ? await Http2Gateway.to(port) : undefined;
  const served = new Served(running, gateway?.port ?? port, errors, access);
  onTestFinished(async () => {
    const closing = served.close();
    gateway?.close();
    await closing;
  });
  return served;
}
