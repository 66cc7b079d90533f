/** complete-lockfile.mjs: platform names and the entries made from them. */
import { expect, it } from "vitest";
import { completeLockfile, platformOf } from "../complete-lockfile.mjs";

it.each([
  ["@turbo/windows-64", { cpu: ["x64"], os: ["win32"] }],
  ["@turbo/darwin-arm64", { cpu: ["arm64"], os: ["darwin"] }],
  ["@oxlint/binding-linux-arm64-musl", { cpu: ["arm64"], os: ["linux"], libc: ["musl"] }],
  ["@oxlint/binding-linux-arm-gnueabihf", { cpu: ["arm"], os: ["linux"], libc: ["glibc"] }],
  ["@oxlint/binding-win32-ia32-msvc", { cpu: ["ia32"], os: ["win32"] }],
  ["fsevents", undefined],
])("reads the platform of %s", (name, expected) => {
  expect(platformOf(name)).toEqual(expected);
});

it("adds what is missing and touches nothing else", () => {
  const present = { version: "1.0.0", cpu: ["x64"], os: ["linux"] };
  const lock = {
    packages: {
      "node_modules/tool": {
        dev: true,
        optionalDependencies: {
          "tool-linux-x64": "1.0.0",
          "tool-darwin-x64": "1.0.0",
          fsevents: "^2",
        },
      },
      "node_modules/tool-linux-x64": present,
    },
  };
  expect(completeLockfile(lock)).toEqual(["tool-darwin-x64@1.0.0"]);
  expect(Object.keys(lock.packages)).toEqual([
    "node_modules/tool",
    "node_modules/tool-darwin-x64",
    "node_modules/tool-linux-x64",
  ]);
  expect(lock.packages).toMatchObject({
    "node_modules/tool-darwin-x64": {
      version: "1.0.0",
      cpu: ["x64"],
      os: ["darwin"],
      dev: true,
      optional: true,
    },
    "node_modules/tool-linux-x64": present,
  });
  expect(completeLockfile(lock)).toEqual([]);
});
