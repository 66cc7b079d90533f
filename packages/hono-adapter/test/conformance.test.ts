/** What every adapter owes its users, on the newest Hono and node-server. */
import { adapterConformance, adapterConformanceOverHttp2 } from "@longwire/testkit";
import { honoUnderTest } from "./hono-under-test.ts";

adapterConformance(honoUnderTest("Hono 4.13 on node-server 2.1"));
adapterConformanceOverHttp2(honoUnderTest("Hono 4.13 on node-server 2.1"));
