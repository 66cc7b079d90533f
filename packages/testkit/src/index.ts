/** What the tests of every package share: peers, waits, memory, and the behaviour suite of the adapters. */
export { hex, toHex } from "./hex.ts";
export { DEFAULT_WAIT_MS, deferred, Inbox, nextEvent, within, type Deferred } from "./wait.ts";
export {
  rawBinary,
  rawClose,
  rawFrame,
  rawPing,
  rawText,
  readClosePayload,
  readRawFrame,
  type RawFrame,
  type RawFrameInit,
} from "./raw-frame.ts";
export {
  EXAMPLE_ACCEPT,
  EXAMPLE_KEY,
  requestText,
  upgradeText,
  type RawResponse,
  type RequestFields,
} from "./raw-http.ts";
export { RawPeer, type StreamEnd } from "./raw-peer.ts";
export { WsPeer, type WsMessage, type WsPeerOptions } from "./ws-peer.ts";
export { CERTIFICATE_GIVEN, greetingsOf } from "./greetings.ts";
export { Http2Gateway } from "./http2-gateway.ts";
export { Http2Peer, type Http2Answer, type Http2Fields, type Http2Socket } from "./http2-peer.ts";
export { memoryPair as memoryDuplexPair } from "@longwire/engine";
export { connAndRawPeer, connPair } from "./conn-pair.ts";
export {
  expectFlatMemory,
  retainedMemory,
  type FlatMemoryOptions,
  type Retained,
} from "./memory.ts";
export { watchForCrashes, type CrashWatch } from "./crash-watch.ts";
export { adapterConformance, adapterConformanceOverHttp2 } from "./adapter-conformance.ts";
export type {
  AccessLine,
  AdapterUnderTest,
  AppSpec,
  Difference,
  Differences,
  HttpRoute,
  Mount,
  Refusal,
  RequestView,
  Route,
  RunningServer,
  SocketRoute,
  Step,
  StepOutcome,
  StepView,
} from "./adapter-under-test.ts";
export { ExampleProcess, type ExampleExit } from "./example-process.ts";
export { TestServer } from "./test-server.ts";
export { programsOf, replaced, runProgram } from "./document.ts";
export { builtPackageBehaviour, type BuiltPackage } from "./conformance/built-package.ts";
export { messageBehaviour, type ContractRoute } from "./conformance/messages.ts";
export { buildWorkspace, runNode, type NodeRun } from "./built-workspace.ts";
