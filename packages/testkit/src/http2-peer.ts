/** A client of node:http2 that asks for WebSockets by extended CONNECT and then speaks in bytes. RFC 8441. */
import {
  connect,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type SecureClientSessionOptions,
} from "node:http2";
import { RawPeer } from "./raw-peer.ts";
import { nextEvent, within } from "./wait.ts";

/** Header fields of a request; pseudo-header fields replace the defaults, `undefined` leaves one out. */
export type Http2Fields = OutgoingHttpHeaders;

/** A refusal, read to its end. */
export interface Http2Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** An accepted request, with its stream as a peer that speaks in bytes. */
export interface Http2Socket {
  readonly headers: IncomingHttpHeaders;
  readonly stream: ClientHttp2Stream;
  readonly peer: RawPeer;
}

export class Http2Peer implements Disposable {
  readonly session: ClientHttp2Session;
  readonly #authority: string;

  private constructor(session: ClientHttp2Session, authority: string) {
    this.session = session;
    this.#authority = authority;
    session.on("error", () => {}); // whoever waits for a stream hears of it
  }

  /** Connects, and awaits the server's settings. With options for TLS it is https. */
  static async connect(port: number, tls?: SecureClientSessionOptions): Promise<Http2Peer> {
    const authority = `127.0.0.1:${port}`;
    const scheme = tls === undefined ? "http" : "https";
    const peer = new Http2Peer(connect(`${scheme}://${authority}`, tls), authority);
    await nextEvent(peer.session, "remoteSettings");
    return peer;
  }

  /** Sends an extended CONNECT request for a WebSocket, and leaves its answer to the caller. */
  request(path: string, fields: Http2Fields = {}): ClientHttp2Stream {
    const all: OutgoingHttpHeaders = {
      ":method": "CONNECT",
      ":protocol": "websocket",
      ":scheme": this.session.encrypted === true ? "https" : "http",
      ":path": path,
      ":authority": this.#authority,
      "sec-websocket-version": "13",
      ...fields,
    };
    const sent = Object.entries(all).filter(([, value]) => value !== undefined);
    const stream = this.session.request(Object.fromEntries(sent), { endStream: false });
    stream.on("error", () => {}); // a reset is seen by its `close`
    return stream;
  }

  /** Opens a connection; throws when the server refuses it. */
  async open(path: string, fields?: Http2Fields): Promise<Http2Socket> {
    const stream = this.request(path, fields);
    const peer = new RawPeer(stream);
    const headers = await responseTo(stream);
    if (statusOf(headers) === 200) return { headers, stream, peer };
    throw new Error(`expected ${path} to answer 200, got ${statusOf(headers)}`);
  }

  /** Asks for a connection and reads the refusal. */
  async refused(path: string, fields?: Http2Fields): Promise<Http2Answer> {
    const stream = this.request(path, fields);
    return readAnswer(stream);
  }

  /** Sends an ordinary request, and reads the answer. */
  async get(path: string, fields: Http2Fields = {}, body: string = ""): Promise<Http2Answer> {
    const all = { ":path": path, ":authority": this.#authority, ...fields };
    const stream = this.session.request(all, { endStream: body === "" });
    stream.on("error", () => {});
    if (body !== "") stream.end(body);
    return readAnswer(stream);
  }

  [Symbol.dispose](): void {
    this.session.destroy();
  }
}

function statusOf(headers: IncomingHttpHeaders): number {
  return Number(headers[":status"]); // a number, which the types of a header do not say
}

function responseTo(stream: ClientHttp2Stream): Promise<IncomingHttpHeaders> {
  const response = new Promise<IncomingHttpHeaders>((resolve, reject) => {
    stream.once("response", resolve);
    stream.once("close", () => reject(new Error(`stream closed with ${stream.rstCode}`)));
  });
  return within(response, "a response over HTTP/2");
}

async function readAnswer(stream: ClientHttp2Stream): Promise<Http2Answer> {
  const peer = new RawPeer(stream); // listens from the start: what nobody reads is dropped with the stream
  const headers = await responseTo(stream);
  const body = (await peer.readToEnd()).toString();
  stream.end();
  return { status: statusOf(headers), headers, body };
}
