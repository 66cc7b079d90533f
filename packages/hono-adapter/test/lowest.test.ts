/** The suite, callbacks and the helper for tests, on the lowest versions that package.json allows. */
import { adapterConformance } from "@longwire/testkit";
import { vi } from "vitest";
import { honoUnderTest } from "./hono-under-test.ts";
import "./testing.test.ts";
import "./upgrade-websocket.test.ts";

// For everything in this file, the adapter included.
vi.mock("hono", () => import("hono-lowest"));
vi.mock("hono/bearer-auth", () => import("hono-lowest/bearer-auth"));
vi.mock("hono/cookie", () => import("hono-lowest/cookie"));
vi.mock("hono/http-exception", () => import("hono-lowest/http-exception"));
vi.mock("hono/logger", () => import("hono-lowest/logger"));
vi.mock("hono/ws", () => import("hono-lowest/ws"));
vi.mock("@hono/node-server", () => import("hono-node-server-lowest"));
vi.mock("@hono/node-server/utils/response", () => import("hono-node-server-lowest/utils/response"));

adapterConformance(honoUnderTest("Hono 4.8 on node-server 1.14"));
