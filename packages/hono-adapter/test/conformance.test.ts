/** What every adapter owes its users, on Hono with the two majors of node-server. */
import { serve } from "@hono/node-server";
import { serve as serve1 } from "hono-node-server1";
import { adapterConformance } from "@longwire/testkit";
import { honoUnderTest } from "./hono-under-test.ts";

adapterConformance(honoUnderTest("Hono 4 on node-server 2", serve));
adapterConformance(honoUnderTest("Hono 4 on node-server 1", serve1));
