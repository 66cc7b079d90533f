/** A server on a free port for one test, with peers of every kind; all of it is gone when the test is over. */
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Attachment } from "@longwire/engine";
import { onTestFinished } from "vitest";
import { requestText, upgradeText, type RawResponse, type RequestFields } from "./raw-http.ts";
import { RawPeer } from "./raw-peer.ts";
import { nextEvent } from "./wait.ts";
import { WsPeer, type WsPeerOptions } from "./ws-peer.ts";

export class TestServer {
  readonly server: Server;
  readonly port: number;

  private constructor(server: Server) {
    this.server = server;
    this.port = (server.address() as AddressInfo).port; // a TCP address is never a string
  }

  /**
   * Awaits `server`, which listens on a free port of 127.0.0.1 or is about to.
   *
   * @param attachment - Its connections are dropped at the end of the test, if they do not close in 200 ms.
   */
  static async of(server: Server, attachment?: Attachment): Promise<TestServer> {
    if (!server.listening) await nextEvent(server, "listening");
    onTestFinished(async () => {
      const closed = attachment?.close({ timeout: 200 });
      server.close();
      server.closeAllConnections();
      await closed;
    });
    return new TestServer(server);
  }

  /** What a client writes into its Host header. */
  get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  url(path: string): string {
    return `ws://${this.host}${path}`;
  }

  /** Opens a connection with `ws`. */
  async ws(path: string, o?: WsPeerOptions): Promise<WsPeer> {
    const peer = await WsPeer.open(this.url(path), o);
    onTestFinished(() => peer[Symbol.dispose]());
    return peer;
  }

  /** Tries to open one and answers with the refusal. */
  async refused(path: string, o?: WsPeerOptions): Promise<RawResponse> {
    return WsPeer.refused(this.url(path), o);
  }

  /** Connects without sending anything. */
  async raw(): Promise<RawPeer> {
    const peer = await RawPeer.connect(this.port);
    onTestFinished(() => peer[Symbol.dispose]());
    return peer;
  }

  /** Connects and completes the opening handshake in bytes. */
  async rawSocket(path: string, fields: RequestFields = {}): Promise<RawPeer> {
    const peer = await RawPeer.upgrade(this.port, path, { Host: this.host, ...fields });
    onTestFinished(() => peer[Symbol.dispose]());
    return peer;
  }

  /** Sends one upgrade request and reads the answer, whatever it is. */
  async answerTo(path: string, fields: RequestFields = {}): Promise<RawResponse> {
    return this.#answer(upgradeText(path, { Host: this.host, ...fields }));
  }

  /** Sends one ordinary request and reads the answer. */
  async get(path: string, fields: RequestFields = {}): Promise<RawResponse> {
    return this.#answer(requestText(path, { Host: this.host, ...fields }));
  }

  async #answer(request: string): Promise<RawResponse> {
    const peer = await this.raw();
    peer.send(request);
    return peer.readResponse();
  }
}
