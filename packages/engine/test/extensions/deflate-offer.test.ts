import { describe, expect, it } from "vitest";
import fc from "fast-check";
import {
  resolveCompression,
  type CompressionOptions,
  type ResolvedCompression,
} from "../../src/extensions/compression-options.ts";
import {
  acceptOffer,
  checkResponse,
  makeOffer,
  type AcceptedOffer,
  type NegotiatedDeflate,
} from "../../src/extensions/deflate-offer.ts";
import { parseExtensions, type Extension } from "../../src/extensions/extension-header.ts";

function resolved(options: CompressionOptions = {}): ResolvedCompression {
  const resolvedOptions = resolveCompression(options);
  if (resolvedOptions === undefined) throw new Error("compression is off");
  return resolvedOptions;
}

/** What a server with `options` answers to a client that offers `header`. */
function accept(header: string, options?: CompressionOptions): AcceptedOffer | undefined {
  return acceptOffer(parseExtensions([header]).extensions, resolved(options));
}

/** What a client with `options` makes of a server that answers `header`. */
function check(header: string, options?: CompressionOptions): NegotiatedDeflate | string {
  const [extension] = parseExtensions([header]).extensions;
  if (extension === undefined) throw new Error(`no extension in ${header}`);
  return checkResponse(extension, makeOffer(resolved(options)));
}

function terms(server: number, client: number, ...noTakeover: string[]): NegotiatedDeflate {
  return {
    serverNoContextTakeover: noTakeover.includes("server"),
    clientNoContextTakeover: noTakeover.includes("client"),
    serverMaxWindowBits: server,
    clientMaxWindowBits: client,
  };
}

/** RFC 7692 §7.1.2.1: "a decimal integer value without leading zeroes between 8 to 15". */
const BAD_WINDOW_BITS = [
  "7",
  "16",
  "0",
  "08",
  "+9",
  "-9",
  "1e1",
  "9.0",
  "0x9",
  "99999999999999999999",
  '""',
  '" 9"',
  "nine",
];

describe("RFC 7692 §5.1 server answers an offer", () => {
  it.each<[name: string, offer: string, response: string, agreed: NegotiatedDeflate]>([
    [
      "Chrome",
      "permessage-deflate; client_max_window_bits",
      "permessage-deflate; client_max_window_bits=12",
      terms(12, 12),
    ],
    [
      "Firefox, which cannot limit its window",
      "permessage-deflate",
      "permessage-deflate; client_no_context_takeover",
      terms(12, 15, "client"),
    ],
    [
      "gorilla",
      "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
      "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
      terms(12, 15, "server", "client"),
    ],
    [
      "Python websockets",
      "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12",
      "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12",
      terms(12, 12),
    ],
    [
      "our own client",
      makeOffer(resolved()).header,
      "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12",
      terms(12, 12),
    ],
    [
      "quoted values",
      'permessage-deflate; server_max_window_bits="10"; client_max_window_bits="9"',
      "permessage-deflate; server_max_window_bits=10; client_max_window_bits=9",
      terms(10, 9),
    ],
  ])("of %s", (_, offer, response, agreed) => {
    expect(accept(offer)).toEqual({ response, deflate: agreed });
  });

  it("takes the first offer that it can meet", () => {
    const offers =
      "x-webkit-deflate-frame, permessage-deflate; unknown, permessage-deflate; server_max_window_bits=9, permessage-deflate";
    expect(accept(offers)?.deflate.serverMaxWindowBits).toBe(9);
  });

  it.each([
    "",
    "x-webkit-deflate-frame",
    "Permessage-Deflate",
    "permessage-deflate2",
    "__proto__",
    "constructor",
  ])("goes on without compression when %j is all that is offered", (offer) => {
    expect(accept(offer)).toBeUndefined();
  });
});

describe("RFC 7692 §7 server declines an offer, and looks at the next", () => {
  it.each([
    ...BAD_WINDOW_BITS.map((value) => `permessage-deflate; server_max_window_bits=${value}`),
    ...BAD_WINDOW_BITS.map((value) => `permessage-deflate; client_max_window_bits=${value}`),
    "permessage-deflate; server_max_window_bits",
    "permessage-deflate; server_no_context_takeover=true",
    "permessage-deflate; client_no_context_takeover=1",
    'permessage-deflate; client_no_context_takeover="x"',
    "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
    "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
    "permessage-deflate; server_max_window_bits=10; server_max_window_bits=10",
    "permessage-deflate; client_max_window_bits; client_max_window_bits=10",
    "permessage-deflate; Server_No_Context_Takeover",
    "permessage-deflate; __proto__",
    "permessage-deflate; constructor=1",
    "permessage-deflate; toString",
    "permessage-deflate; foo",
  ])("%s", (offer) => {
    expect(accept(offer)).toBeUndefined();
    expect(
      accept(`${offer}, permessage-deflate; server_max_window_bits=11`)?.deflate
        .serverMaxWindowBits,
    ).toBe(11);
  });
});

describe("RFC 7692 §7.1.1 server and context takeover", () => {
  it("echoes what the client asks for", () => {
    expect(
      accept("permessage-deflate; server_no_context_takeover; client_max_window_bits"),
    ).toEqual({
      response: "permessage-deflate; server_no_context_takeover; client_max_window_bits=12",
      deflate: terms(12, 12, "server"),
    });
    expect(
      accept("permessage-deflate; client_no_context_takeover; client_max_window_bits"),
    ).toEqual({
      response: "permessage-deflate; client_no_context_takeover; client_max_window_bits=12",
      deflate: terms(12, 12, "client"),
    });
  });

  it("says of itself what its options say", () => {
    const options = { serverNoContextTakeover: true, clientNoContextTakeover: true };
    expect(accept("permessage-deflate; client_max_window_bits", options)).toEqual({
      response:
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits=12",
      deflate: terms(12, 12, "server", "client"),
    });
  });
});

describe("RFC 7692 §7.1.2.1 server_max_window_bits", () => {
  for (let offered = 8; offered <= 15; offered++) {
    it(`server answers ${offered} with the same or smaller value`, () => {
      for (let own = 8; own <= 15; own++) {
        const bits = Math.min(offered, own);
        const answer = accept(`permessage-deflate; server_max_window_bits=${offered}`, {
          serverMaxWindowBits: own,
        });
        expect(answer?.response).toContain(`server_max_window_bits=${bits}`);
        expect(answer?.deflate.serverMaxWindowBits).toBe(bits);
      }
    });
  }

  it("server keeps to its own window without a word when the client did not offer the parameter", () => {
    const answer = accept("permessage-deflate; client_max_window_bits", { serverMaxWindowBits: 9 });
    expect(answer?.response).toBe("permessage-deflate; client_max_window_bits=12");
    expect(answer?.deflate.serverMaxWindowBits).toBe(9);
  });
});

describe("RFC 7692 §7.1.2.2 client_max_window_bits", () => {
  for (let offered = 8; offered <= 15; offered++) {
    it(`server answers ${offered} with the same or smaller value`, () => {
      for (let own = 8; own <= 15; own++) {
        const bits = Math.min(offered, own);
        const answer = accept(`permessage-deflate; client_max_window_bits=${offered}`, {
          clientMaxWindowBits: own,
        });
        expect(answer?.response).toBe(`permessage-deflate; client_max_window_bits=${bits}`);
        expect(answer?.deflate).toEqual(terms(12, bits));
      }
    });
  }

  it("server never answers what was not offered", () => {
    for (let own = 8; own <= 15; own++) {
      for (const keepFullPeerWindow of [false, true]) {
        const answer = accept("permessage-deflate", {
          clientMaxWindowBits: own,
          keepFullPeerWindow,
        });
        expect(answer?.response).not.toContain("client_max_window_bits");
        expect(answer?.deflate.clientMaxWindowBits).toBe(15);
      }
    }
  });

  it("server keeps 32 KiB for a client that cannot limit its window only when told to", () => {
    expect(accept("permessage-deflate", { keepFullPeerWindow: true })).toEqual({
      response: "permessage-deflate",
      deflate: terms(12, 15),
    });
    expect(accept("permessage-deflate", { clientMaxWindowBits: 15 })).toEqual({
      response: "permessage-deflate",
      deflate: terms(12, 15),
    });
    expect(accept("permessage-deflate", { clientMaxWindowBits: 14 })?.response).toBe(
      "permessage-deflate; client_no_context_takeover",
    );
  });
});

describe("RFC 7692 §7.1 client offers", () => {
  it.each<[CompressionOptions, string]>([
    [
      {},
      "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12, permessage-deflate; server_no_context_takeover; client_max_window_bits=12",
    ],
    [
      { keepFullPeerWindow: true },
      "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12, permessage-deflate; client_max_window_bits=12",
    ],
    [
      { serverMaxWindowBits: 15, clientMaxWindowBits: 15 },
      "permessage-deflate; client_max_window_bits",
    ],
    [
      { serverMaxWindowBits: 15, serverNoContextTakeover: true, clientNoContextTakeover: true },
      "permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits=12",
    ],
    [
      { serverMaxWindowBits: 8, clientMaxWindowBits: 8, serverNoContextTakeover: true },
      "permessage-deflate; server_no_context_takeover; server_max_window_bits=8; client_max_window_bits=8, permessage-deflate; server_no_context_takeover; client_max_window_bits=8",
    ],
  ])("with %j", (options, header) => {
    expect(makeOffer(resolved(options)).header).toBe(header);
  });
});

describe("RFC 7692 §7.1 client checks the answer", () => {
  it.each<[answer: string, agreed: NegotiatedDeflate]>([
    ["permessage-deflate; server_max_window_bits=12", terms(12, 12)],
    ["permessage-deflate; server_max_window_bits=9; client_max_window_bits=8", terms(9, 8)],
    ['permessage-deflate; server_max_window_bits="9"', terms(9, 12)],
    [
      "permessage-deflate; server_max_window_bits=12; client_no_context_takeover",
      terms(12, 12, "client"),
    ],
    // gorilla's only answer, whatever was offered
    [
      "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
      terms(15, 12, "server", "client"),
    ],
    [
      "permessage-deflate; server_no_context_takeover; server_max_window_bits=15",
      terms(15, 12, "server"),
    ],
  ])("and accepts %s", (answer, agreed) => {
    expect(check(answer)).toEqual(agreed);
  });

  it.each([
    ["another extension", "x-webkit-deflate-frame"],
    ["an extension in other letters", "Permessage-Deflate; server_max_window_bits=12"],
    ["neither a limit nor server_no_context_takeover", "permessage-deflate"],
    ["a window larger than offered", "permessage-deflate; server_max_window_bits=13"],
    [
      "a client window larger than offered",
      "permessage-deflate; server_max_window_bits=12; client_max_window_bits=13",
    ],
    [
      "a client window without a value",
      "permessage-deflate; server_max_window_bits=12; client_max_window_bits",
    ],
    ["a server window without a value", "permessage-deflate; server_max_window_bits"],
    ["an unknown parameter", "permessage-deflate; server_max_window_bits=12; foo"],
    [
      "a repeated parameter",
      "permessage-deflate; server_max_window_bits=12; server_max_window_bits=12",
    ],
    ["a value where none belongs", "permessage-deflate; server_no_context_takeover=true"],
    ["__proto__", "permessage-deflate; server_max_window_bits=12; __proto__"],
    ...["7", "16", "0", "08", "+9", "1e1"].flatMap((bits) => [
      [`server_max_window_bits=${bits}`, `permessage-deflate; server_max_window_bits=${bits}`],
      [
        `client_max_window_bits=${bits}`,
        `permessage-deflate; server_max_window_bits=12; client_max_window_bits=${bits}`,
      ],
    ]),
  ])("and refuses %s", (_, answer) => {
    expect(check(answer)).toBeTypeOf("string");
  });

  it("says which value is wrong", () => {
    expect(check("permessage-deflate; server_max_window_bits=16")).toBe(
      'permessage-deflate: server_max_window_bits must be 8 to 15, got "16"',
    );
    expect(check("permessage-deflate; server_max_window_bits=12; client_max_window_bits=13")).toBe(
      "permessage-deflate: client_max_window_bits 13 is more than the offered 12",
    );
  });

  it("needs server_no_context_takeover when it asked for nothing else", () => {
    const options = { serverMaxWindowBits: 15, serverNoContextTakeover: true };
    expect(check("permessage-deflate", options)).toBeTypeOf("string");
    expect(check("permessage-deflate; server_no_context_takeover", options)).toEqual(
      terms(15, 12, "server"),
    );
  });

  it("may be given a server window that it did not ask for", () => {
    expect(
      check("permessage-deflate; server_max_window_bits=10", { serverMaxWindowBits: 15 }),
    ).toEqual(terms(10, 12));
  });

  it("takes a server that cannot limit its window when it is ready to keep 32 KiB", () => {
    expect(check("permessage-deflate", { keepFullPeerWindow: true })).toEqual(terms(15, 12));
  });

  it("keeps to client_no_context_takeover when it offered it, whatever the answer", () => {
    const options = { clientNoContextTakeover: true };
    expect(check("permessage-deflate; server_max_window_bits=12", options)).toEqual(
      terms(12, 12, "client"),
    );
  });
});

describe("both sides of permessage-deflate", () => {
  const bits = fc.integer({ min: 8, max: 15 });
  const options: fc.Arbitrary<CompressionOptions> = fc.record({
    serverMaxWindowBits: bits,
    clientMaxWindowBits: bits,
    serverNoContextTakeover: fc.boolean(),
    clientNoContextTakeover: fc.boolean(),
    keepFullPeerWindow: fc.boolean(),
  });

  it("agree whatever their options: no window is larger than what its reader reckons with", () => {
    fc.assert(
      fc.property(options, options, (serverOptions, clientOptions) => {
        const offer = makeOffer(resolved(clientOptions));
        const answer = accept(offer.header, serverOptions);
        if (answer === undefined) throw new Error(`server declines ${offer.header}`);
        const server = answer.deflate;
        const [response = { name: "", parameters: [] }] = parseExtensions([
          answer.response,
        ]).extensions;
        const client = checkResponse(response, offer);
        if (typeof client === "string") throw new Error(client);
        expect(server.serverMaxWindowBits).toBeLessThanOrEqual(client.serverMaxWindowBits);
        expect(client.clientMaxWindowBits).toBeLessThanOrEqual(server.clientMaxWindowBits);
        // A receiver that keeps no context has a sender that uses none.
        expect(server.serverNoContextTakeover || !client.serverNoContextTakeover).toBe(true);
        expect(client.clientNoContextTakeover || !server.clientNoContextTakeover).toBe(true);
        // Nobody keeps more of its peer than its options say.
        expect(
          client.serverNoContextTakeover ||
            clientOptions.keepFullPeerWindow === true ||
            client.serverMaxWindowBits <= resolved(clientOptions).serverMaxWindowBits,
        ).toBe(true);
        expect(
          server.clientNoContextTakeover ||
            serverOptions.keepFullPeerWindow === true ||
            server.clientMaxWindowBits <= resolved(serverOptions).clientMaxWindowBits,
        ).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  it("never throw on anything that parses", () => {
    const token = fc.constantFrom(
      "permessage-deflate",
      "server_no_context_takeover",
      "client_no_context_takeover",
      "server_max_window_bits",
      "client_max_window_bits",
      "__proto__",
      "7",
      "8",
      "15",
      "16",
      "foo",
    );
    const extension: fc.Arbitrary<Extension> = fc.record({
      name: token,
      parameters: fc.array(fc.record({ name: token, value: fc.option(token, { nil: undefined }) })),
    });
    fc.assert(
      fc.property(fc.array(extension), options, (extensions, given) => {
        const answer = acceptOffer(extensions, resolved(given));
        expect(answer?.response ?? "permessage-deflate").toMatch(
          /^permessage-deflate(; [a-z_]+(=\d+)?)*$/,
        );
        const agreed = extensions
          .map((one) => checkResponse(one, makeOffer(resolved(given))))
          .filter((outcome) => typeof outcome !== "string");
        for (const { serverMaxWindowBits, clientMaxWindowBits } of agreed) {
          expect(serverMaxWindowBits).toBeGreaterThanOrEqual(8);
          expect(clientMaxWindowBits).toBeLessThanOrEqual(resolved(given).clientMaxWindowBits);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
