/** What every adapter owes its users, on the last node-server of its first major. */
import { adapterConformance } from "@longwire/testkit";
import { vi } from "vitest";
import { honoUnderTest } from "./hono-under-test.ts";

// For everything in this file, the adapter included.
vi.mock("@hono/node-server", () => import("hono-node-server1"));
vi.mock("@hono/node-server/utils/response", () => import("hono-node-server1/utils/response"));

adapterConformance(honoUnderTest("Hono 4.13 on node-server 1.19"));
