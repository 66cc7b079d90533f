import { proxyFromEnvironment, type Environment } from "@longwire/engine";
import { describe, expect, it } from "vitest";
import { isExempt } from "../../src/client/no-proxy.ts";
import { echoes, failOnCrash, open } from "./dialing.ts";
import { startHttpProxy } from "./proxies.ts";
import { startEcho } from "./servers.ts";

failOnCrash();

function proxyFor(url: string, environment: Environment): string | undefined {
  return proxyFromEnvironment(new URL(url), environment)?.href;
}

describe("proxyFromEnvironment", () => {
  it.each<[url: string, environment: Environment, expected: string | undefined]>([
    ["ws://a.example/", {}, undefined],
    ["ws://a.example/", { HTTP_PROXY: "http://p:1" }, "http://p:1/"],
    ["ws://a.example/", { http_proxy: "http://p:1" }, "http://p:1/"],
    ["ws://a.example/", { HTTP_PROXY: "http://p:1", http_proxy: "http://q:1" }, "http://q:1/"],
    ["ws://a.example/", { HTTP_PROXY: "http://p:1", http_proxy: "" }, "http://p:1/"],
    ["ws://a.example/", { HTTP_PROXY: "" }, undefined],
    ["ws://a.example/", { HTTPS_PROXY: "http://p:1" }, undefined],
    ["wss://a.example/", { HTTPS_PROXY: "http://p:1" }, "http://p:1/"],
    ["wss://a.example/", { https_proxy: "https://p:1" }, "https://p:1/"],
    ["wss://a.example/", { HTTP_PROXY: "http://p:1" }, undefined],
    ["ws://a.example/", { ALL_PROXY: "socks5://p:1" }, "socks5://p:1"],
    ["wss://a.example/", { all_proxy: "socks5h://p:1" }, "socks5h://p:1"],
    ["wss://a.example/", { ALL_PROXY: "socks5://p:1", HTTPS_PROXY: "http://q:1" }, "http://q:1/"],
    ["ws://a.example/", { HTTP_PROXY: "p:3128" }, "http://p:3128/"],
    ["ws://a.example/", { HTTP_PROXY: "user:pw@p" }, "http://user:pw@p/"],
    ["ws://localhost/", { ALL_PROXY: "http://p" }, undefined],
    ["ws://127.0.0.1:9001/", { ALL_PROXY: "http://p" }, undefined],
    ["ws://127.1.2.3/", { ALL_PROXY: "http://p" }, undefined],
    ["ws://[::1]/", { ALL_PROXY: "http://p" }, undefined],
    ["ws+unix:/tmp/a.sock", { ALL_PROXY: "http://p" }, undefined],
    ["ws://a.example/", { HTTP_PROXY: "http://p", NO_PROXY: "a.example" }, undefined],
    ["ws://a.example/", { HTTP_PROXY: "http://p", no_proxy: "b.example" }, "http://p/"],
    ["ws://a.example/", { HTTP_PROXY: "http://p", no_proxy: "*", NO_PROXY: "b" }, undefined],
    ["ws://a.example/", { HTTP_PROXY: "http://p", REQUEST_METHOD: "GET" }, undefined],
    ["ws://a.example/", { http_proxy: "http://p", REQUEST_METHOD: "GET" }, "http://p/"],
  ])("%s with %j: %s", (url, environment, expected) => {
    expect(proxyFor(url, environment)).toBe(expected);
  });

  it.each<[Environment, string]>([
    [{ HTTP_PROXY: "ftp://p" }, "HTTP_PROXY must be"],
    [{ all_proxy: "http://u:secret@[" }, "ALL_PROXY must be"],
  ])("refuses %j, and shows no password", (environment, message) => {
    expect(() => proxyFor("ws://a.example/", environment)).toThrow(message);
    expect(() => proxyFor("ws://a.example/", environment)).not.toThrow(/secret/u);
  });

  it("reads the environment of the process at each dial", async () => {
    const [proxy, backend] = await Promise.all([startHttpProxy(), startEcho()]);
    const before = process.env["HTTP_PROXY"];
    const url = `ws://a.example:${backend.port}/`; // the proxies of the tests know one address for every name
    process.env["HTTP_PROXY"] = proxy.url;
    try {
      expect(await echoes(await open(url, { proxy: proxyFromEnvironment }))).toBe(true);
    } finally {
      if (before === undefined) delete process.env["HTTP_PROXY"];
      else process.env["HTTP_PROXY"] = before;
    }
    expect(await proxy.asked.next()).toContain(`CONNECT a.example:${backend.port} `);
  });
});

describe("NO_PROXY", () => {
  it.each<[host: string, port: number, list: string, exempt: boolean]>([
    ["a.example", 80, "", false],
    ["a.example", 80, "*", true],
    ["a.example", 80, " , ,*", true],
    ["a.example", 80, "a.example", true],
    ["a.example", 80, "A.EXAMPLE", true],
    ["A.example.", 80, "a.example", true],
    ["a.example", 80, "a.example.", true],
    ["a.example", 80, "b.example, a.example", true],
    ["a.example", 80, "b.example a.example", true],
    ["b.a.example", 80, "a.example", true],
    ["ba.example", 80, "a.example", false],
    ["a.example", 80, ".example", true],
    ["example", 80, ".example", false],
    ["c.b.example", 80, "*.example", true],
    ["example", 80, "*.example", false],
    ["a.example", 80, "*a.example", false],
    ["a.example", 80, "a.example:80", true],
    ["a.example", 81, "a.example:80", false],
    ["b.a.example", 80, ".a.example:80", true],
    ["192.0.2.1", 80, "192.0.2.1", true],
    ["192.0.2.1", 80, "192.0.2.1:80", true],
    ["192.0.2.1", 81, "192.0.2.1:80", false],
    ["192.0.2.1", 80, "192.0.2.0/24", true],
    ["192.0.3.1", 80, "192.0.2.0/24", false],
    ["192.0.2.1", 80, "192.0.2.1/32", true],
    ["10.1.2.3", 80, "10.0.0.0/8", true],
    ["10.1.2.3", 80, "0.0.0.0/0", true],
    ["a.example", 80, "0.0.0.0/0", false],
    ["10.1.2.3", 80, "10.0.0.0/33", false],
    ["10.1.2.3", 80, "10.0.0.0/", false],
    ["10.1.2.3", 80, "10.0.0.0/8/8", true],
    ["10.1.2.3", 80, "x/8", false],
    ["110.1.2.3", 80, "10.1.2.3", false],
    ["1.10.1.2.3", 80, "10.1.2.3", false],
    ["::1", 80, "::1", true],
    ["2001:db8::1", 80, "2001:0db8:0::1", true],
    ["2001:db8::1", 80, "[2001:db8::1]", true],
    ["2001:db8::1", 80, "[2001:db8::1]:80", true],
    ["2001:db8::1", 81, "[2001:db8::1]:80", false],
    ["2001:db8::1", 80, "2001:db8::/32", true],
    ["2001:db9::1", 80, "2001:db8::/32", false],
    ["2001:db8::1", 80, "10.0.0.0/8", false],
  ])("%s port %i is exempt by %j: %s", (hostname, port, list, exempt) => {
    expect(isExempt({ hostname, port }, list)).toBe(exempt);
  });
});
