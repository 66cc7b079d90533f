/** The behaviour that every adapter owes, on the lowest versions that the package takes. */
import { adapterConformance } from "@longwire/testkit";
import oldest4 from "express-oldest4";
import oldest5 from "express-oldest5";
import { noLateHeaders, rejectedStepIsSilent } from "./differences.ts";
import { expressUnderTest } from "./express-under-test.ts";

adapterConformance(expressUnderTest("Express 5.0.0", oldest5, { noLateHeaders }));
adapterConformance(
  expressUnderTest("Express 4.18.0", oldest4, { noLateHeaders, rejectedStepIsSilent }),
);
