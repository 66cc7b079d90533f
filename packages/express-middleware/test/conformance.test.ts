/** The behaviour that every adapter owes, on Express 5 and 4. */
import { adapterConformance } from "@longwire/testkit";
import express from "express";
import express4 from "express4";
import { expressUnderTest, type ExpressModule } from "./express-under-test.ts";

const noLateHeaders = {
  because:
    "Express answers from the handler: nothing of the chain runs between acceptance and the 101",
};

adapterConformance(expressUnderTest("Express 5", express, { noLateHeaders }));
// The types of both versions differ in what nobody here uses.
const older = express4 as unknown as ExpressModule;
adapterConformance(
  expressUnderTest("Express 4", older, {
    noLateHeaders,
    rejectedStepIsSilent: { because: "Express 4 does not look at the promise of a middleware" },
  }),
);
