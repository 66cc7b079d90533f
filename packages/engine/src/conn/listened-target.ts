/** An EventTarget that knows what is listened for, survives what listeners throw, and has `on…` attributes. */

import type { WebSocketEvents } from "./websocket-events.ts";

export type EventHandler<E extends Event> = ((event: E) => unknown) | null;
export type EventListener<E extends Event> =
  | ((event: E) => unknown)
  | { handleEvent(event: E): unknown };
export interface ListenerOptions {
  capture?: boolean;
  once?: boolean;
  passive?: boolean;
  signal?: AbortSignal;
}

/** What an `on…` attribute holds. The listener stays in its place when the handler is replaced. */
interface Attribute {
  handler: (event: never) => unknown;
  readonly listener: (event: Event) => unknown;
}

export abstract class ListenedTarget extends EventTarget {
  readonly #guards = new WeakMap<object, (event: Event) => void>();
  readonly #attributes = new Map<string, Attribute>();

  /** A listener has been added. */
  protected abstract onListener(type: string): void;
  /** A listener has thrown, or its promise has rejected. Node would end the process. */
  protected abstract onListenerError(error: unknown): void;

  override addEventListener<K extends keyof WebSocketEvents>(
    type: K,
    listener: EventListener<WebSocketEvents[K]> | null,
    options?: boolean | ListenerOptions,
  ): void;
  override addEventListener(
    type: string,
    listener: EventListener<Event> | null,
    options?: boolean | ListenerOptions,
  ): void;
  override addEventListener(
    type: string,
    listener: EventListener<never> | null,
    options?: boolean | ListenerOptions,
  ): void {
    if (listener === null) return;
    super.addEventListener(type, this.#guard(listener), options);
    this.onListener(type);
  }

  override removeEventListener<K extends keyof WebSocketEvents>(
    type: K,
    listener: EventListener<WebSocketEvents[K]> | null,
    options?: boolean | ListenerOptions,
  ): void;
  override removeEventListener(
    type: string,
    listener: EventListener<Event> | null,
    options?: boolean | ListenerOptions,
  ): void;
  override removeEventListener(
    type: string,
    listener: EventListener<never> | null,
    options?: boolean | ListenerOptions,
  ): void {
    if (listener !== null) super.removeEventListener(type, this.#guard(listener), options);
  }

  get onopen(): EventHandler<WebSocketEvents["open"]> {
    return this.#handler("open");
  }

  set onopen(handler: EventHandler<WebSocketEvents["open"]>) {
    this.#setHandler("open", handler);
  }

  get onmessage(): EventHandler<WebSocketEvents["message"]> {
    return this.#handler("message");
  }

  set onmessage(handler: EventHandler<WebSocketEvents["message"]>) {
    this.#setHandler("message", handler);
  }

  get onerror(): EventHandler<WebSocketEvents["error"]> {
    return this.#handler("error");
  }

  set onerror(handler: EventHandler<WebSocketEvents["error"]>) {
    this.#setHandler("error", handler);
  }

  get onclose(): EventHandler<WebSocketEvents["close"]> {
    return this.#handler("close");
  }

  set onclose(handler: EventHandler<WebSocketEvents["close"]>) {
    this.#setHandler("close", handler);
  }

  #handler<K extends keyof WebSocketEvents>(type: K): EventHandler<WebSocketEvents[K]> {
    return (this.#attributes.get(type)?.handler ?? null) as EventHandler<WebSocketEvents[K]>; // set under that type
  }

  #setHandler(type: keyof WebSocketEvents, handler: EventHandler<never>): void {
    const attribute = this.#attributes.get(type);
    if (typeof handler !== "function") {
      if (attribute !== undefined) this.removeEventListener(type, attribute.listener);
      this.#attributes.delete(type);
    } else if (attribute === undefined) {
      const added: Attribute = {
        handler,
        listener: (event) => added.handler.call(this, event as never), // of that type
      };
      this.#attributes.set(type, added);
      this.addEventListener(type, added.listener);
    } else attribute.handler = handler;
  }

  /** The same function for the same listener, so that a second `add` changes nothing and `remove` finds it. */
  #guard(listener: EventListener<never>): (event: Event) => void {
    let guard = this.#guards.get(listener);
    if (guard === undefined) {
      guard = (event) => {
        try {
          const given = event as never; // of the type that it listens for
          const result =
            typeof listener === "function"
              ? listener.call(this, given)
              : listener.handleEvent(given);
          if (result instanceof Promise) result.catch((error) => this.onListenerError(error));
        } catch (error) {
          this.onListenerError(error);
        }
      };
      this.#guards.set(listener, guard);
      this.#guards.set(guard, guard); // Node calls removeEventListener with what it was given when a signal aborts
    }
    return guard;
  }
}
