/**
 * What the behaviour suite asks of a framework: to build an app from a neutral description, in the
 * framework's own style, as one of its users would write it.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Http2Server } from "node:http2";
import type { AttachOptions, Conn, UpgraderOptions } from "@longwire/engine";

/** A request as a route sees it, whatever the framework calls these things. */
export interface RequestView {
  /** Route parameters, decoded by the framework's router. */
  readonly params: Readonly<Record<string, string>>;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

export interface StepView extends RequestView {
  /** Adds a response header by the framework's own means; the same name again adds a second line. */
  addHeader(name: string, value: string): void;
}

/** An ordinary HTTP answer with a JSON body, sent by the framework's own means. */
export interface Refusal {
  readonly status: number;
  readonly body: Readonly<Record<string, string>>;
}

/**
 * One middleware, hook or guard. Nothing lets the request pass; a {@link Refusal} answers it;
 * `"answered"` says that the step has written to `response` itself and the framework must not.
 * A thrown error goes the framework's own way. A step that returns no promise stays synchronous.
 */
export type StepOutcome = Refusal | "answered" | undefined;
export type Step = (view: StepView) => StepOutcome | Promise<StepOutcome>;

export interface SocketRoute {
  readonly kind: "socket";
  /** Parameters are written `:name`, which all four routers read. */
  readonly path: string;
  /**
   * Which of the two ways to declare it: `call` is `websocket(request, options, handler)` inside the
   * framework's own handler (Fastify: `app.websocket`), `short` is `websocket(options, handler)`
   * as the handler (Fastify: the route option).
   */
  readonly form: "call" | "short";
  /** Run before the route, in this order, for this route alone. */
  readonly steps?: readonly Step[];
  readonly options?: UpgraderOptions;
  /** Makes the URL serve a page too: what a plain GET is answered with. Only with the form `call`. */
  readonly page?: string;
  readonly handler: (conn: Conn, view: RequestView) => unknown;
}

export interface HttpRoute {
  readonly kind: "http";
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly steps?: readonly Step[];
  /** The body of its answer, 200. */
  readonly answer: () => string | Promise<string>;
}

export type Route = SocketRoute | HttpRoute;

/** Routes under a prefix, each group in a router (plugin, sub-app) of its own. */
export interface Mount {
  readonly prefix: string;
  readonly routes: readonly Route[];
}

/** One line of the framework's access log. */
export interface AccessLine {
  readonly url: string;
  readonly status: number;
}

/** The app to build. */
export interface AppSpec {
  /** For every request, in this order, before any route. */
  readonly steps: readonly Step[];
  readonly routes: readonly Route[];
  readonly mounts: readonly Mount[];
  /** Wraps the rest of the chain, as a middleware that opens an AsyncLocalStorage context does. */
  readonly around: (<T>(next: () => T) => T) | undefined;
  /** Adds headers after the route has accepted or answered and before the response goes out. */
  readonly late: ((view: Pick<StepView, "addHeader">) => void) | undefined;
  /** Called by the framework's own means of access logging, once for each finished response. */
  readonly onAccess: (line: AccessLine) => void;
  /** Called by the framework's own error channel: errors of the chain, and of handlers after the 101. */
  readonly onError: (error: unknown) => void;
  /** The server speaks HTTP/2 without TLS, and nothing else. */
  readonly http2: boolean;
  /** Options of `attach`; `false`: the app listens without it. */
  readonly attach: AttachOptions | false;
}

export interface RunningServer {
  readonly server: Server | Http2Server;
  /** The framework's normal close; resolves when it has finished. */
  close(): Promise<void>;
}

/** A way in which a framework differs from the others, and why this is not a fault of its adapter. */
export interface Difference {
  readonly because: string;
}

/** Every difference that the suite knows. Each one changes what a test expects; none leaves a test out silently. */
export interface Differences {
  /** The framework's logger is told another status than 101 for an accepted upgrade. */
  readonly acceptedStatusInLog?: Difference & { readonly status: number };
  /** Sockets work without a call of `attach`, so that there is no such mistake to report. */
  readonly attachesItself?: Difference;
  /** A rejected promise of a middleware is nobody's: the request ends in the handshake timeout. */
  readonly rejectedStepIsSilent?: Difference;
  /** There is no moment between acceptance and the 101 at which a header could be added. */
  readonly noLateHeaders?: Difference;
}

export interface AdapterUnderTest {
  /** The framework and its version, as the report shall show it. */
  readonly name: string;
  readonly differences?: Differences;
  /** The suite asks for servers that speak HTTP/2, and sends its clients through a gateway. @default false */
  readonly overHttp2?: boolean;
  /** Builds the app and listens on a free port of 127.0.0.1. */
  start(app: AppSpec): Promise<RunningServer>;
}
