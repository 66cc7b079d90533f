/** The options of a scope: each registration and each route inherits those around it. */

import { Upgrader } from "@longwire/engine";
import type { UpgradePolicy, UpgraderOptions } from "@longwire/engine";
import type { FastifyInstance } from "fastify";

const SCOPE = Symbol("@longwire/fastify");

export class Scope implements UpgradePolicy {
  readonly options: UpgradePolicy["options"];
  /** Connections count here and in every scope around. */
  readonly slots: UpgradePolicy["slots"];
  readonly #defaults: UpgraderOptions;

  /** @throws TypeError | RangeError naming the option and its value. */
  constructor(own: UpgraderOptions, outer?: Scope) {
    // Explicit undefined must not erase a default; the limits of the scopes around hold by themselves.
    const { maxConnections, maxConnectionsPerAddress, ...defaults } = own;
    this.#defaults = { ...inherited(own, outer), ...given(defaults) };
    const limits = given({ maxConnections, maxConnectionsPerAddress });
    const upgrader = new Upgrader({ ...this.#defaults, ...limits }, outer);
    this.options = upgrader.options;
    this.slots = upgrader.slots;
  }

  /** The scope of an instance: its own, or the nearest around it. */
  static of(app: FastifyInstance): Scope | undefined {
    return Reflect.get(app, SCOPE) as Scope | undefined; // nobody else has the symbol
  }

  /** Makes this the scope of an instance and of those below. @throws when the instance has one of its own. */
  enter(app: FastifyInstance): void {
    app.decorate<unknown>(SCOPE, this);
  }

  static defaultsOf(scope: Scope | undefined): UpgraderOptions {
    return scope === undefined ? {} : scope.#defaults;
  }
}

function given<T extends object>(options: T): T {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as T; // the same keys, but for those without a value
}

/** `checkOrigin` and `allowedOrigins` exclude each other: either of them replaces an inherited other. */
function inherited(own: UpgraderOptions, outer: Scope | undefined): UpgraderOptions {
  const defaults = Scope.defaultsOf(outer);
  if (own.checkOrigin === undefined && own.allowedOrigins === undefined) return defaults;
  const { checkOrigin: _check, allowedOrigins: _allowed, ...rest } = defaults;
  return rest;
}
