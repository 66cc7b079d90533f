/** The types of WebSocket routes, and what the plugin adds to those of Fastify. */

import type {
  AttachOptions,
  Conn,
  ConnRegistry,
  In,
  Messages,
  Out,
  RouteOptions as SocketOptions,
  UpgraderOptions,
} from "@longwire/engine";
import type {
  ContextConfigDefault,
  FastifyBaseLogger,
  FastifyInstance,
  FastifyRequest,
  FastifySchema,
  FastifyTypeProvider,
  FastifyTypeProviderDefault,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerBase,
  RawServerDefault,
  RouteGenericInterface,
  RouteShorthandOptions,
} from "fastify";
import type { ConnectOptions, TestConn } from "./testing.ts";

/**
 * Options of the plugin: those of `attach`, and defaults for every route of the scope that it is registered in. Register
 * it again in an inner scope to change the defaults there; `only` and `drainTimeout` are for the server and so for the
 * first registration.
 */
export interface WebSocketPluginOptions extends UpgraderOptions, AttachOptions {
  /**
   * Gets errors of handlers, once the 101 has gone out; the connection is closed with 1011 besides.
   *
   * @default logs with `request.log.error`
   */
  readonly errorHandler?: SocketErrorHandler | undefined;
}

/** Gets what a WebSocket handler has thrown; `this` is the instance of the route. */
export type SocketErrorHandler = (
  this: FastifyInstance,
  error: unknown,
  conn: FastifyConn,
  request: FastifyRequest,
) => unknown;

/** A connection of a Fastify route. */
export type FastifyConn<In = unknown, Out = unknown> = Conn<In, Out> & {
  /** The logger of the upgrade request: its lines carry the request's `reqId`. */
  readonly log: FastifyBaseLogger;
};

/** Schemas of a route's messages, in the language of the instance's validator compiler and type provider. */
export interface MessageSchemas {
  /** What the client sends: checked when `readJSON`, `message.json()` or `json()` parse it. */
  readonly incoming?: unknown;
  /** What the server sends: checked by `writeJSON`. */
  readonly outgoing?: unknown;
}

type Validated<P extends FastifyTypeProvider, Schema> = (P & { schema: Schema })["validator"];
type Serialized<P extends FastifyTypeProvider, Schema> = (P & { schema: Schema })["serializer"];

/** What the handler reads: by `schema.messages.incoming`, else by the option `messages`. */
export type Incoming<P extends FastifyTypeProvider, S, M extends Messages> = S extends {
  readonly messages: { readonly incoming: infer Schema };
}
  ? Validated<P, Schema>
  : In<M>;
/** What the handler writes. */
export type Outgoing<P extends FastifyTypeProvider, S, M extends Messages> = S extends {
  readonly messages: { readonly outgoing: infer Schema };
}
  ? Serialized<P, Schema>
  : Out<M>;

/** Gets the connection and its upgrade request, once the 101 has gone out; `this` is the instance of the route. */
export type SocketHandler<
  RawServer extends RawServerBase = RawServerDefault,
  RawRequest extends RawRequestDefaultExpression<RawServer> =
    RawRequestDefaultExpression<RawServer>,
  RawReply extends RawReplyDefaultExpression<RawServer> = RawReplyDefaultExpression<RawServer>,
  RouteGeneric extends RouteGenericInterface = RouteGenericInterface,
  ContextConfig = ContextConfigDefault,
  SchemaCompiler extends FastifySchema = FastifySchema,
  TypeProvider extends FastifyTypeProvider = FastifyTypeProviderDefault,
  Logger extends FastifyBaseLogger = FastifyBaseLogger,
  M extends Messages = Messages,
> = (
  this: FastifyInstance<RawServer, RawRequest, RawReply, Logger, TypeProvider>,
  conn: FastifyConn<
    Incoming<TypeProvider, SchemaCompiler, M>,
    Outgoing<TypeProvider, SchemaCompiler, M>
  >,
  request: FastifyRequest<
    RouteGeneric,
    RawServer,
    RawRequest,
    SchemaCompiler,
    TypeProvider,
    ContextConfig,
    Logger
  >,
) => unknown;

/** Options of `app.websocket`: those of a Fastify route and those of a WebSocket. */
export type SocketRouteOptions<
  RawServer extends RawServerBase = RawServerDefault,
  RawRequest extends RawRequestDefaultExpression<RawServer> =
    RawRequestDefaultExpression<RawServer>,
  RawReply extends RawReplyDefaultExpression<RawServer> = RawReplyDefaultExpression<RawServer>,
  RouteGeneric extends RouteGenericInterface = RouteGenericInterface,
  ContextConfig = ContextConfigDefault,
  SchemaCompiler extends FastifySchema = FastifySchema,
  TypeProvider extends FastifyTypeProvider = FastifyTypeProviderDefault,
  Logger extends FastifyBaseLogger = FastifyBaseLogger,
  M extends Messages = Messages,
> = SocketOptions<M> &
  Omit<
    RouteShorthandOptions<
      RawServer,
      RawRequest,
      RawReply,
      RouteGeneric,
      ContextConfig,
      SchemaCompiler,
      TypeProvider,
      Logger
    >,
    "websocket"
  >;

/** The decorator `app.websocket`. */
export interface SocketRouteMethod<
  RawServer extends RawServerBase = RawServerDefault,
  RawRequest extends RawRequestDefaultExpression<RawServer> =
    RawRequestDefaultExpression<RawServer>,
  RawReply extends RawReplyDefaultExpression<RawServer> = RawReplyDefaultExpression<RawServer>,
  Logger extends FastifyBaseLogger = FastifyBaseLogger,
  TypeProvider extends FastifyTypeProvider = FastifyTypeProviderDefault,
> {
  <
    RouteGeneric extends RouteGenericInterface = RouteGenericInterface,
    ContextConfig = ContextConfigDefault,
    const SchemaCompiler extends FastifySchema = FastifySchema,
    const M extends Messages = Messages,
  >(
    path: string,
    options: SocketRouteOptions<
      RawServer,
      RawRequest,
      RawReply,
      RouteGeneric,
      ContextConfig,
      SchemaCompiler,
      TypeProvider,
      Logger,
      M
    >,
    handler: SocketHandler<
      RawServer,
      RawRequest,
      RawReply,
      RouteGeneric,
      ContextConfig,
      SchemaCompiler,
      TypeProvider,
      Logger,
      M
    >,
  ): FastifyInstance<RawServer, RawRequest, RawReply, Logger, TypeProvider>;
  <
    RouteGeneric extends RouteGenericInterface = RouteGenericInterface,
    ContextConfig = ContextConfigDefault,
  >(
    path: string,
    handler: SocketHandler<
      RawServer,
      RawRequest,
      RawReply,
      RouteGeneric,
      ContextConfig,
      FastifySchema,
      TypeProvider,
      Logger
    >,
  ): FastifyInstance<RawServer, RawRequest, RawReply, Logger, TypeProvider>;
}

declare module "fastify" {
  interface FastifyInstance<RawServer, RawRequest, RawReply, Logger, TypeProvider> {
    /**
     * Declares a WebSocket route. Hooks, guards and validation run before the 101; what refuses the request is an
     * ordinary reply. A plain GET is answered with 426.
     */
    websocket: SocketRouteMethod<RawServer, RawRequest, RawReply, Logger, TypeProvider>;
    /** The open connections of the server. */
    readonly websocketConns: ConnRegistry;
    /**
     * Connects to a route in memory, for tests, and resolves with the client's end. Awaits `ready()`.
     *
     * @throws HandshakeError when the application refuses: `status`, and `response` with its headers and whole body.
     */
    injectWS<M extends Messages = Messages>(
      path: string,
      options?: ConnectOptions,
    ): Promise<TestConn<M>>;
  }

  interface FastifySchema {
    /** Schemas of a WebSocket route's messages, compiled by the instance's validator compiler. */
    messages?: MessageSchemas;
    /** Leaves the route out of @fastify/swagger's documents. @default true for a route without an HTTP handler */
    hide?: boolean;
  }

  interface RouteShorthandOptions {
    /** Makes `handler` a WebSocket handler, or gives options for `wsHandler`. */
    websocket?: boolean | SocketOptions;
  }

  interface RouteOptions<
    RawServer,
    RawRequest,
    RawReply,
    RouteGeneric,
    ContextConfig,
    SchemaCompiler,
    TypeProvider,
    Logger,
  > {
    /** Takes the WebSockets of this URL; `handler` answers everything else. */
    wsHandler?: SocketHandler<
      RawServer,
      RawRequest,
      RawReply,
      RouteGeneric,
      ContextConfig,
      NoInfer<SchemaCompiler>,
      TypeProvider,
      Logger
    >;
  }

  interface RouteShorthandMethod<RawServer, RawRequest, RawReply, TypeProvider, Logger> {
    <
      RouteGeneric extends RouteGenericInterface = RouteGenericInterface,
      ContextConfig = ContextConfigDefault,
      const SchemaCompiler extends FastifySchema = FastifySchema,
      const M extends Messages = Messages,
    >(
      path: string,
      opts: Omit<
        RouteShorthandOptions<
          RawServer,
          RawRequest,
          RawReply,
          RouteGeneric,
          ContextConfig,
          SchemaCompiler,
          TypeProvider,
          Logger
        >,
        "websocket"
      > & { websocket: true | SocketOptions<M> },
      handler: SocketHandler<
        RawServer,
        RawRequest,
        RawReply,
        RouteGeneric,
        ContextConfig,
        SchemaCompiler,
        TypeProvider,
        Logger,
        M
      >,
    ): FastifyInstance<RawServer, RawRequest, RawReply, Logger, TypeProvider>;
  }
}
