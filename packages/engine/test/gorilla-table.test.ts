/** docs/gorilla.md names a counterpart for every exported symbol of gorilla/websocket, and each one exists. */
import { readFileSync, readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import * as engine from "../src/index.ts";

const GORILLA = `
  TextMessage BinaryMessage CloseMessage PingMessage PongMessage
  CloseNormalClosure CloseGoingAway CloseProtocolError CloseUnsupportedData CloseNoStatusReceived
  CloseAbnormalClosure CloseInvalidFramePayloadData ClosePolicyViolation CloseMessageTooBig
  CloseMandatoryExtension CloseInternalServerErr CloseServiceRestart CloseTryAgainLater CloseTLSHandshake
  ErrBadHandshake ErrCloseSent ErrReadLimit CloseError HandshakeError
  FormatCloseMessage IsCloseError IsUnexpectedCloseError IsWebSocketUpgrade JoinMessages ReadJSON WriteJSON
  Subprotocols Upgrade NewClient BufferPool
  Conn Conn.Close Conn.CloseHandler Conn.EnableWriteCompression Conn.LocalAddr Conn.NetConn Conn.NextReader
  Conn.NextWriter Conn.PingHandler Conn.PongHandler Conn.ReadJSON Conn.ReadMessage Conn.RemoteAddr
  Conn.SetCloseHandler Conn.SetCompressionLevel Conn.SetPingHandler Conn.SetPongHandler Conn.SetReadDeadline
  Conn.SetReadLimit Conn.SetWriteDeadline Conn.Subprotocol Conn.UnderlyingConn Conn.WriteControl Conn.WriteJSON
  Conn.WriteMessage Conn.WritePreparedMessage
  PreparedMessage NewPreparedMessage
  Upgrader Upgrader.Upgrade Upgrader.HandshakeTimeout Upgrader.ReadBufferSize Upgrader.WriteBufferSize
  Upgrader.WriteBufferPool Upgrader.Subprotocols Upgrader.Error Upgrader.CheckOrigin Upgrader.EnableCompression
  DefaultDialer Dialer Dialer.Dial Dialer.DialContext Dialer.NetDial Dialer.NetDialContext Dialer.NetDialTLSContext
  Dialer.Proxy Dialer.TLSClientConfig Dialer.HandshakeTimeout Dialer.ReadBufferSize Dialer.WriteBufferSize
  Dialer.WriteBufferPool Dialer.Subprotocols Dialer.EnableCompression Dialer.Jar
`
  .trim()
  .split(/\s+/u);

interface Row {
  readonly symbol: string;
  readonly ours: string;
}

function rowsOf(page: string): Row[] {
  return [...page.matchAll(/^\| `([^`]+)` *\| `([^`]+)` *\|/gmu)].map(([, symbol, ours]) => ({
    symbol: symbol!,
    ours: ours!,
  }));
}

const page = readFileSync(new URL("../../../docs/gorilla.md", import.meta.url), "utf8");
const rows = rowsOf(page);

/** The text of all sources: options and types have no value to look up. */
const source = (() => {
  const root = new URL("../src/", import.meta.url);
  const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".ts"),
  );
  return files.map((file) => readFileSync(new URL(file, root), "utf8")).join("\n");
})();

function exportedType(name: string): boolean {
  const index = readFileSync(new URL("../src/index.ts", import.meta.url), "utf8");
  return new RegExp(`\\b${name}\\b`, "u").test(index);
}

function exists(ours: string): boolean {
  const exported = new Map<string, unknown>(Object.entries(engine));
  const [owner = "", member] = ours.split(".");
  const value = exported.get(owner);
  if (member === undefined) {
    return (
      value !== undefined ||
      exportedType(ours) ||
      new RegExp(`readonly ${ours}\\?:`, "u").test(source)
    );
  }
  if (typeof value === "function") return member in (value.prototype as object); // a class
  return typeof value === "object" && value !== null && member in value;
}

describe("docs/gorilla.md", () => {
  it("has one row for every exported symbol and no other", () => {
    expect(rows.map(({ symbol }) => symbol).toSorted()).toEqual(GORILLA.toSorted());
  });

  it.each(rows)("$symbol has its counterpart $ours", ({ ours }) => {
    expect(exists(ours)).toBe(true);
  });

  it("would miss a counterpart that does not exist", () => {
    expect(exists("Conn.readNothing")).toBe(false);
    expect(exists("noSuchOption")).toBe(false);
  });
});
