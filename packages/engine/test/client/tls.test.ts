/** TLS: verification, names, ALPN, client certificates, and the dial hooks. RFC 6455 §4.1, §10.6 */
import { connect } from "node:net";
import tls, { connect as tlsConnect, type TLSSocket } from "node:tls";
import { dial, type DialAddress, type DialerOptions } from "@longwire/engine";
import { deferred, Inbox } from "@longwire/testkit";
import { describe, expect, it } from "vitest";
import { CA, CLIENT, EXPIRED, OTHER_NAME, SERVER } from "./certificates.ts";
import { echoes, failOnCrash, LARGE, open, refusal } from "./dialing.ts";
import { answerWith, listen, startEcho, startRaw, switching } from "./servers.ts";

failOnCrash();

/** Leads every name to the loopback interface. */
function toPort(port: number): Pick<DialerOptions, "netDial"> {
  return { netDial: () => connect(port, "127.0.0.1") };
}

describe("wss:", () => {
  it("echoes (gorilla TestDialTLS)", async () => {
    const server = await startEcho({ tls: SERVER });
    const dialed = await open(server.url, { tls: { ca: CA } });
    expect(await echoes(dialed, LARGE)).toBe(true);
    expect(await dialed.conn.close()).toMatchObject({ code: 1000, wasClean: true });
  });

  it("takes frames that come in one packet with the 101", async () => {
    const frames = "\u0081\u0005hello".repeat(3);
    const server = await startRaw(answerWith(switching() + frames), SERVER);
    const { conn } = await open(server.url, { tls: { ca: CA } });
    for (let read = 0; read < 3; read++) expect((await conn.readMessage()).text()).toBe("hello");
  });

  it.each([
    ["no trust in its authority", SERVER, {}, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
    ["another name (CVE-2020-15133)", OTHER_NAME, { ca: CA }, "ERR_TLS_CERT_ALTNAME_INVALID"],
    ["an expired certificate", EXPIRED, { ca: CA }, "CERT_HAS_EXPIRED"],
  ])("is refused by default: %s", async (_, certificate, options, code) => {
    const server = await startEcho({ tls: certificate });
    const error = await refusal(server.url, { tls: options });
    expect(error).toMatchObject({ code: "WS_DIAL_FAILED", status: 0 });
    expect(error.cause).toMatchObject({ code });
    expect(server.requests.all).toHaveLength(0);
  });

  it.each([SERVER, OTHER_NAME, EXPIRED])(
    "is taken unverified when the caller says so",
    async (certificate) => {
      const server = await startEcho({ tls: certificate });
      expect(await echoes(await open(server.url, { tls: { rejectUnauthorized: false } }))).toBe(
        true,
      );
    },
  );

  it("leaves the last word to checkServerIdentity", async () => {
    const server = await startEcho({ tls: SERVER });
    const refused = new Error("not this one");
    const error = await refusal(server.url, {
      tls: { ca: CA, checkServerIdentity: () => refused },
    });
    expect(error.cause).toBe(refused);
  });

  it("shows a client certificate", async () => {
    const server = await startEcho({
      tls: { ...SERVER, ca: CA, requestCert: true, rejectUnauthorized: true },
    });
    expect(await echoes(await open(server.url, { tls: { ca: CA, ...CLIENT } }))).toBe(true);
    const request = await server.requests.next();
    expect((request.socket as TLSSocket).getPeerCertificate().subject.CN).toBe("client");
    const error = await refusal(server.url, { tls: { ca: CA } });
    expect(["WS_HANDSHAKE_ABORTED", "WS_DIAL_FAILED"]).toContain(error.code);
  });

  it("over a port without TLS fails at once", async () => {
    const server = await startEcho();
    const error = await refusal(server.url.replace("ws:", "wss:"));
    expect(error).toMatchObject({ code: "WS_DIAL_FAILED" });
    const secure = await startEcho({ tls: SERVER });
    const plain = await refusal(secure.url.replace("wss:", "ws:"));
    expect(plain.status).toBe(0);
  });
});

interface Hello {
  readonly serverName: string | false | null;
  readonly alpn: string | false | null;
}

/** A TLS server that notes what its clients ask for, and answers every handshake. */
async function startNaming(
  alpn: readonly string[] = ["http/1.1"],
): Promise<{ port: number; hellos: Inbox<Hello> }> {
  const hellos = new Inbox<Hello>("a TLS client");
  const offered = deferred<string[]>();
  const server = await startRaw(answerWith(switching()), {
    ...SERVER,
    ALPNCallback: ({ servername, protocols }) => {
      hellos.push({ serverName: servername, alpn: protocols.join() });
      offered.resolve(protocols);
      return alpn.find((protocol) => protocols.includes(protocol));
    },
  });
  return { port: server.port, hellos };
}

// gorilla's ten combinations: whatever the Host header, the address is the URL's, and the name in the certificate has
// to be the server name's, or else the URL's.
describe("names (gorilla TestHost)", () => {
  it.each<
    [
      url: string,
      host: string | undefined,
      serverName: string | undefined,
      sni: string,
      good: boolean,
    ]
  >([
    ["wss://a.example/", undefined, undefined, "a.example", true],
    ["wss://a.example/", "b.example", undefined, "a.example", true],
    ["wss://a.example/", "b.example", "b.example", "b.example", true],
    ["wss://a.example/", undefined, "b.example", "b.example", true],
    ["wss://A.example./", undefined, undefined, "a.example", true],
    ["wss://wrong.example/", undefined, undefined, "wrong.example", false],
    ["wss://wrong.example/", "a.example", undefined, "wrong.example", false],
    ["wss://wrong.example/", "a.example", "a.example", "a.example", true],
    ["wss://a.example/", undefined, "wrong.example", "wrong.example", false],
    ["wss://127.0.0.1/", undefined, undefined, "", true],
    ["wss://127.0.0.2/", undefined, undefined, "", false],
    ["wss://127.0.0.2/", undefined, "localhost", "localhost", true],
    ["wss://[::1]/", undefined, undefined, "", false],
  ])(
    "%s with Host %s and server name %s shows %j: %s",
    async (url, host, serverName, sni, good) => {
      const { port, hellos } = await startNaming();
      const addresses: DialAddress[] = [];
      const options: DialerOptions = {
        tls: { ca: CA, ...(serverName === undefined ? {} : { servername: serverName }) },
        netDial: (address) => {
          addresses.push(address);
          return connect(port, "127.0.0.1");
        },
      };
      const headers = host === undefined ? {} : { Host: host };
      const outcome = await dial(url, { ...options, headers }).then(
        ({ conn }) => conn.terminate(),
        (error: Error) => error.cause,
      );
      const mismatch = expect.objectContaining({ code: "ERR_TLS_CERT_ALTNAME_INVALID" }) as unknown;
      expect(outcome).toEqual(good ? undefined : mismatch);
      const hostname = new URL(url).hostname.replace(/[[\]]/gu, "");
      expect(addresses).toEqual([{ host: hostname, port: 443 }]);
      expect((await hellos.next()).serverName || "").toBe(sni);
    },
  );
});

describe("ALPN", () => {
  it("offers http/1.1", async () => {
    const { port, hellos } = await startNaming();
    await open("wss://a.example/", { tls: { ca: CA }, ...toPort(port) });
    expect((await hellos.next()).alpn).toBe("http/1.1");
  });

  it("that ends in h2 fails and says why (gorilla TestNextProtos)", async () => {
    const { port } = await startNaming(["h2"]);
    const error = await refusal("wss://a.example/", {
      tls: { ca: CA, ALPNProtocols: ["h2", "http/1.1"] },
      ...toPort(port),
    });
    expect(error.code).toBe("WS_DIAL_FAILED");
    expect(error.message).toContain('chose the protocol "h2" (ALPN)');
  });

  it("is refused to a server that has nothing in common with us", async () => {
    const server = tls.createServer({ ...SERVER, ALPNProtocols: ["h2"] });
    const port = await listen(server);
    const error = await refusal("wss://a.example/", { tls: { ca: CA }, ...toPort(port) });
    expect(error.code).toBe("WS_DIAL_FAILED");
  });
});

// The first hook that fits is asked: tlsDial for wss:, else netDial, with TLS on top of it.
describe("hooks (gorilla TestNetDialConnect)", () => {
  it.each<[url: string, hooks: ReadonlyArray<"netDial" | "tlsDial">, asked: string]>([
    ["ws://a.example/", [], ""],
    ["ws://a.example/", ["netDial"], "netDial"],
    ["ws://a.example/", ["tlsDial"], ""],
    ["ws://a.example/", ["netDial", "tlsDial"], "netDial"],
    ["wss://a.example/", [], ""],
    ["wss://a.example/", ["netDial"], "netDial"],
    ["wss://a.example/", ["tlsDial"], "tlsDial"],
    ["wss://a.example/", ["netDial", "tlsDial"], "tlsDial"],
  ])("%s with %j asks %s", async (url, hooks, asked) => {
    const server = await startEcho(url.startsWith("wss:") ? { tls: SERVER } : {});
    const calls: string[] = [];
    const hook = (name: string, dial: () => ReturnType<typeof connect>) => () => {
      calls.push(name);
      return dial();
    };
    const netDial = hook("netDial", () => connect(server.port, "127.0.0.1"));
    const tlsDial = hook("tlsDial", () =>
      tlsConnect({ port: server.port, host: "127.0.0.1", ca: CA }),
    );
    const options: DialerOptions = {
      tls: { ca: CA },
      ...(hooks.includes("netDial") ? { netDial } : {}),
      ...(hooks.includes("tlsDial") ? { tlsDial } : {}),
    };
    // Without a hook the name would be looked up, so the address stands in the URL.
    const target = asked === "" ? server.url : url;
    expect(await echoes(await open(target, options))).toBe(true);
    expect(calls.join()).toBe(asked);
  });

  it("may return what is no socket of Node's", async () => {
    const server = await startEcho({ tls: SERVER });
    const dialed = await open("wss://a.example/", {
      tls: { ca: CA },
      netDial: async () => {
        const { Duplex } = await import("node:stream");
        const socket = connect(server.port, "127.0.0.1");
        return Duplex.from({ readable: socket, writable: socket });
      },
    });
    expect(await echoes(dialed, LARGE)).toBe(true);
  });

  it("fail the dial with what they throw, and with a TypeError for what is no stream", async () => {
    const thrown = new Error("by the hook");
    const throwing = open("ws://a.example/", {
      netDial: () => {
        throw thrown;
      },
    });
    await expect(throwing).rejects.toBe(thrown);
    const rejecting = open("wss://a.example/", { tlsDial: () => Promise.reject(thrown) });
    await expect(rejecting).rejects.toBe(thrown);
    for (const nothing of [undefined, null, {}, "socket"]) {
      const wrong = open("ws://a.example/", { netDial: () => nothing as never }); // a caller without a compiler
      await expect(wrong).rejects.toThrow("netDial must return a stream.Duplex");
    }
  });
});
