/** One project per workspace, each tested from its TypeScript source; `browser` holds the tests that need Chromium. */
import { existsSync, readdirSync } from "node:fs";
import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config";

const here = import.meta.dirname;
const SOURCE = "@longwire/source"; // export condition: workspaces resolve to src/, so no build is needed

const packages = readdirSync(`${here}/packages`);
const folders = [
  ...packages.map((name) => ({ name, root: `${here}/packages/${name}` })),
  ...readdirSync(`${here}/examples`).map((name) => ({
    name: packages.includes(name) ? `example-${name}` : name, // a project's name is unique
    root: `${here}/examples/${name}`,
  })),
];

function project(name: string, root: string): TestProjectInlineConfiguration {
  return {
    extends: true,
    root,
    test: { name, include: ["test/**/*.test.ts"], exclude: ["test/browser/**"] },
  };
}

export default defineConfig({
  resolve: { conditions: [SOURCE, "module", "node", "development|production"] },
  ssr: {
    resolve: {
      conditions: [SOURCE, "module", "node", "development|production"],
      externalConditions: [SOURCE, "module-sync", "node"],
    },
  },
  test: {
    maxWorkers: 2,
    testTimeout: 15_000,
    hookTimeout: 15_000,
    projects: [
      ...folders
        .filter(({ root }) => existsSync(`${root}/package.json`))
        .map(({ name, root }) => project(name, root)),
      project("benchmarks", `${here}/benchmarks`),
      project("scripts", `${here}/scripts`),
      {
        extends: true,
        root: here,
        test: {
          name: "browser",
          include: ["examples/*/test/browser/**/*.test.ts"],
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
