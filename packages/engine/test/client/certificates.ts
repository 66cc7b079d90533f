/** Certificates made when a test file starts: two authorities, and what they signed. No key is kept in the repository. */
// oxlint-disable node/no-top-level-await -- a module of tests, which nobody loads with require()
import { generate, type GenerateResult } from "selfsigned";

export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

const ALGORITHM = { keyType: "ec", algorithm: "sha256" } as const;

async function authority(name: string): Promise<GenerateResult> {
  return generate([{ name: "commonName", value: name }], {
    ...ALGORITHM,
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
}

/** A certificate for the names, "127.0.0.1" being an address. */
async function signed(
  by: GenerateResult,
  names: readonly string[],
  days = 1,
): Promise<Certificate> {
  const day = 86_400_000;
  const { private: key, cert } = await generate([{ name: "commonName", value: names[0]! }], {
    ...ALGORITHM,
    ca: { key: by.private, cert: by.cert },
    notBeforeDate: new Date(Date.now() - 10 * day),
    notAfterDate: new Date(Date.now() + days * day),
    extensions: [
      { name: "extKeyUsage", serverAuth: true, clientAuth: true },
      {
        name: "subjectAltName",
        altNames: names.map((name) =>
          /^[\d.]+$/u.test(name) ? { type: 7, ip: name } : { type: 2, value: name },
        ),
      },
    ],
  });
  return { key, cert };
}

const [ours, theirs] = await Promise.all([authority("ours"), authority("theirs")]);

/** What a client has to trust. */
export const CA: string = ours.cert;
/** An authority that has signed nothing here but {@link PROXY}. */
export const PROXY_CA: string = theirs.cert;

type Certificates = readonly [Certificate, Certificate, Certificate, Certificate, Certificate];

export const [SERVER, OTHER_NAME, EXPIRED, CLIENT, PROXY]: Certificates = await Promise.all([
  signed(ours, ["localhost", "127.0.0.1", "a.example", "b.example"]),
  signed(ours, ["other.example"]),
  signed(ours, ["localhost", "127.0.0.1"], -1),
  signed(ours, ["client"]),
  signed(theirs, ["localhost", "127.0.0.1"]),
]);
