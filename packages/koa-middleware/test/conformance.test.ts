/** The behaviour that every adapter owes, on Koa 3 and 2. */
import { adapterConformance, adapterConformanceOverHttp2 } from "@longwire/testkit";
import Koa from "koa";
import Koa2 from "koa2";
import { koaUnderTest } from "./koa-under-test.ts";

adapterConformance(koaUnderTest("Koa 3", Koa));
adapterConformance(koaUnderTest("Koa 2", Koa2));
adapterConformanceOverHttp2(koaUnderTest("Koa 3", Koa));
