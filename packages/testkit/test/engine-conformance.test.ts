/** The behaviour suite on the plain engine: what fails here is no adapter's fault. */
import { adapterConformance, adapterConformanceOverHttp2 } from "../src/adapter-conformance.ts";
import { engineUnderTest } from "./engine-under-test.ts";

adapterConformance(engineUnderTest);
adapterConformanceOverHttp2(engineUnderTest);
