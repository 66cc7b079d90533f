/** The behaviour that every adapter owes, on the lowest versions that the package takes. */
import { adapterConformance } from "@longwire/testkit";
import Oldest2 from "koa-oldest2";
import Oldest3 from "koa-oldest3";
import { koaUnderTest } from "./koa-under-test.ts";

adapterConformance(koaUnderTest("Koa 3.0.0", Oldest3));
adapterConformance(koaUnderTest("Koa 2.15.0", Oldest2));
