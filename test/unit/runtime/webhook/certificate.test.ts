import { X509Certificate, generateKeyPairSync } from "node:crypto";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  isPair,
  isSignedBy,
  makeAuthority,
  makeServerCertificate,
  readCertificates,
  readPrivateKey,
  validityOf,
  type PemPair,
} from "../../../../src/runtime/webhook/certificate.js";
import {
  element,
  integer,
  namedBits,
  objectIdentifier,
  readElements,
  time,
} from "../../../../src/runtime/webhook/der.js";
import { runs } from "../../runs.js";

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString("hex");
const DAY = 86_400_000;
const now = Math.floor(Date.now() / 1000) * 1000;

describe("der", () => {
  it.each([
    ["one octet of length", element(4, new Uint8Array(127)).subarray(0, 2), "047f"],
    ["two octets of length", element(4, new Uint8Array(128)).subarray(0, 3), "048180"],
    ["three octets of length", element(4, new Uint8Array(300)).subarray(0, 4), "0482012c"],
    ["zero", integer(Uint8Array.of(0, 0)), "020100"],
    ["a number without needless octets", integer(Uint8Array.of(0, 0, 1, 2)), "02020102"],
    ["a number whose first bit is set", integer(Uint8Array.of(0x80)), "02020080"],
    ["an identifier", objectIdentifier("1.2.840.113549.1.1.11"), "06092a864886f70d01010b"],
    ["named bits", namedBits(0, 5, 6), "03020186"],
    [
      "the last second of two digits",
      time(Date.UTC(2049, 11, 31, 23, 59, 59)),
      `170d${hex(Buffer.from("491231235959Z"))}`,
    ],
    ["the first of four", time(Date.UTC(2050, 0, 1)), `180f${hex(Buffer.from("20500101000000Z"))}`],
  ])("writes %s", (_, written, expected) => expect(hex(written)).toBe(expected));

  it("reads what it writes, and never more than there is", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 400 })), fc.nat(), (parts, cut) => {
        const whole = Buffer.concat(parts.map((part) => element(4, part)));
        expect(readElements(whole).map(({ contents }) => hex(contents))).toEqual(parts.map(hex));
        const some = readElements(whole.subarray(0, cut % (whole.length + 1)));
        expect(some.length).toBeLessThanOrEqual(parts.length);
      }),
      { numRuns: runs(50) },
    );
    fc.assert(
      fc.property(fc.uint8Array(), (octets) => void readElements(Buffer.from(octets))),
      { numRuns: runs(200) },
    );
  });
});

describe("certificates", () => {
  const dnsNames = ["metallb-webhook-service.metallb-system.svc", "webhook-service.metallb-system.svc"];
  let authority: PemPair;
  let server: PemPair;
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "smelter-certificate-"));
    authority = await makeAuthority({ from: now - DAY, until: now + 40 * 365 * DAY });
    server = await makeServerCertificate(authority, dnsNames, { from: now, until: now + DAY });
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it("say what was asked for", () => {
    const [ca, tls] = [new X509Certificate(authority.certificate), new X509Certificate(server.certificate)];
    expect([ca.ca, tls.ca]).toEqual([true, false]);
    expect(ca.subject).toBe("O=metallb\nCN=cert");
    expect(tls.issuer).toBe(ca.subject);
    expect(tls.subjectAltName).toBe(dnsNames.map((name) => `DNS:${name}`).join(", "));
    expect(tls.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
    expect(validityOf(tls)).toEqual({ from: now, until: now + DAY });
    expect(validityOf(ca).until).toBe(now + 40 * 365 * DAY);
    expect(authority.key).toMatch(/^-----BEGIN RSA PRIVATE KEY-----/);
  });

  it("belong together, and to nobody else", async () => {
    const other = await makeAuthority({ from: now, until: now + DAY });
    const [ca, tls, stranger] = [authority, server, other].map(({ certificate }) => new X509Certificate(certificate));
    const key = readPrivateKey(server.key);
    if (ca === undefined || tls === undefined || stranger === undefined || key === undefined) throw new Error("none");
    expect([isSignedBy(tls, ca), isSignedBy(ca, ca)]).toEqual([true, true]);
    expect(isSignedBy(tls, stranger)).toBe(false); // of the same name
    expect([isPair(tls, key), isPair(ca, key)]).toEqual([true, false]);
  });

  it("are what OpenSSL holds for a valid chain", () => {
    const files = { ca: join(folder, "ca.crt"), tls: join(folder, "tls.crt") };
    writeFileSync(files.ca, authority.certificate);
    writeFileSync(files.tls, server.certificate);
    const verify = ["verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", dnsNames[1] ?? ""];
    const said = execFileSync("openssl", [...verify, "-CAfile", files.ca, files.tls]).toString();
    expect(said).toContain("OK");
  });

  it.each([
    ["on a curve", () => generateKeyPairSync("ec", { namedCurve: "P-384" }), "ec"],
    ["Ed25519", () => generateKeyPairSync("ed25519"), "ed25519"],
  ])("are signed by an authority whose key is %s", async (_, generate) => {
    const { privateKey } = generate();
    const key = join(folder, "other.key");
    writeFileSync(key, privateKey.export({ type: "pkcs8", format: "pem" }));
    const made = execFileSync("openssl", ["req", "-x509", "-key", key, "-subj", "/CN=by hand/C=AT", "-days", "3"]);
    const other = { certificate: made.toString(), key: privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
    const issued = await makeServerCertificate(other, dnsNames, { from: now, until: now + DAY });
    const [ca, tls] = [new X509Certificate(other.certificate), new X509Certificate(issued.certificate)];
    expect(isSignedBy(tls, ca)).toBe(true);
    writeFileSync(join(folder, "other.crt"), other.certificate);
    writeFileSync(join(folder, "by-other.crt"), issued.certificate);
    const verify = ["verify", "-CAfile", join(folder, "other.crt"), join(folder, "by-other.crt")];
    expect(execFileSync("openssl", verify).toString()).toContain("OK");
  });
});

it.each([
  ["", "holds no certificate"],
  ["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "holds what is no certificate"],
])("reads no certificate out of %j", (text, fault) => expect(readCertificates(text)).toEqual({ ok: false, fault }));

it("reads no key out of anything else", () => expect(readPrivateKey("-----BEGIN PRIVATE KEY-----")).toBeUndefined());
