/** `node totals.mjs FOLDER [FAILED_STEP…]`: sums vitest's JSON reports and prints `N passed, N failed`. */
import { readFileSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";

const [folder = "", ...failedSteps] = process.argv.slice(2);
const unexplained = new Set(failedSteps);
let passed = 0;
let failed = 0;

for (const name of readdirSync(folder).toSorted()) {
  const report = JSON.parse(readFileSync(join(folder, name), "utf8"));
  // a file that cannot be loaded has no test in it, yet is a failure
  const unloaded = report.testResults.filter(
    (file) => file.status === "failed" && file.assertionResults.length === 0,
  ).length;
  const failures = report.numFailedTests + unloaded;
  const skipped = report.numPendingTests + report.numTodoTests;
  console.log(`${name}: ${report.numPassedTests} passed, ${failures} failed, ${skipped} skipped`);
  passed += report.numPassedTests;
  failed += failures;
  if (failures > 0) unexplained.delete(basename(name, ".json"));
}

// A step that failed without a failed test (lint, types, a crash of the runner) counts as one failure.
for (const title of unexplained) console.log(`failed step: ${title}`);
failed += unexplained.size;
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
