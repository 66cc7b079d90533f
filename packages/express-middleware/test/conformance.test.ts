/** The behaviour that every adapter owes, on the newest versions of Express 5 and 4. */
import { adapterConformance, adapterConformanceOverHttp2 } from "@longwire/testkit";
import express from "express";
import express4 from "express4";
import { noLateHeaders, rejectedStepIsSilent } from "./differences.ts";
import { expressUnderTest, type ExpressModule } from "./express-under-test.ts";

adapterConformance(expressUnderTest("Express 5", express, { noLateHeaders }));
// The types of both versions differ in what nobody here uses.
const older = express4 as unknown as ExpressModule;
adapterConformance(expressUnderTest("Express 4", older, { noLateHeaders, rejectedStepIsSilent }));
adapterConformanceOverHttp2(expressUnderTest("Express 5", express, { noLateHeaders }));
adapterConformanceOverHttp2(
  expressUnderTest("Express 4", older, { noLateHeaders, rejectedStepIsSilent }),
);
