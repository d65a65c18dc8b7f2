import {
  X509Certificate,
  createHash,
  createPrivateKey,
  generateKeyPair,
  randomBytes,
  sign,
  type KeyObject,
} from "node:crypto";
import { promisify } from "node:util";
import type { Result } from "../net/result.js";
import { refuse, succeed } from "../net/result.js";
import {
  bitString,
  explicit,
  implicit,
  integer,
  namedBits,
  nothing,
  objectIdentifier,
  octetString,
  readElements,
  sequence,
  setOf,
  time,
  utf8String,
  yes,
} from "./der.js";

/** A certificate and its key, both in PEM. */
export type PemPair = Readonly<{ certificate: string; key: string }>;
/** Milliseconds since the Unix epoch; a certificate has whole seconds. */
export type Validity = Readonly<{ from: number; until: number }>;

const OID = {
  organizationName: "2.5.4.10",
  commonName: "2.5.4.3",
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyIdentifier: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
  serverAuth: "1.3.6.1.5.5.7.3.1",
  sha256WithRsa: "1.2.840.113549.1.1.11", // RFC 4055 §5: with NULL for its parameters
  ecdsaWithSha256: "1.2.840.10045.4.3.2", // RFC 5758 §3.2: without any
  ed25519: "1.3.101.112", // RFC 8410 §3
} as const;
const DIGITAL_SIGNATURE = 0; // bits of KeyUsage, RFC 5280 §4.2.1.3
const KEY_CERT_SIGN = 5;
const CRL_SIGN = 6;
const MAX_COMMON_NAME = 64; // RFC 5280, appendix A.1
const RSA_BITS = 2048;
const AUTHORITY_NAME = "cert";

const generate = promisify(generateKeyPair);

/** A name as installs have it: an organisation and a common name. */
const nameOf = (commonName: string): Buffer =>
  sequence(
    setOf(sequence(objectIdentifier(OID.organizationName), utf8String("metallb"))),
    setOf(sequence(objectIdentifier(OID.commonName), utf8String(commonName.slice(0, MAX_COMMON_NAME)))),
  );

/**
 * Makes a certificate authority. Its key is RSA in PKCS #1, and its name stands in it as a DNS name too: the program that
 * is replaced reads no other key and looks for that name, should somebody go back to it. "ec" is for who has not the time.
 */
export async function makeAuthority(validity: Validity, keyType: "rsa" | "ec" = "rsa"): Promise<PemPair> {
  const { publicKey, privateKey } =
    keyType === "rsa"
      ? await generate("rsa", { modulusLength: RSA_BITS })
      : await generate("ec", { namedCurve: "P-256" });
  const subject = nameOf(AUTHORITY_NAME);
  const certificate = signCertificate({ subject, validity, publicKey }, { subject, key: privateKey }, [
    extension(OID.basicConstraints, sequence(yes()), true),
    extension(OID.keyUsage, namedBits(DIGITAL_SIGNATURE, KEY_CERT_SIGN, CRL_SIGN), true),
    extension(OID.subjectAltName, dnsNamesOf([AUTHORITY_NAME])),
    extension(OID.subjectKeyIdentifier, octetString(keyIdentifier(publicKey))),
  ]);
  return { certificate, key: exportAuthorityKey(privateKey, keyType) };
}

function exportAuthorityKey(key: KeyObject, keyType: "rsa" | "ec"): string {
  return key.export({ type: keyType === "rsa" ? "pkcs1" : "pkcs8", format: "pem" }).toString();
}

/**
 * Makes a server's certificate, signed by an authority whose key is RSA, on an elliptic curve, or Ed25519.
 * @param dnsNames at least one; the first is the common name too
 */
export async function makeServerCertificate(
  authority: PemPair,
  dnsNames: readonly string[],
  validity: Validity,
): Promise<PemPair> {
  const { publicKey, privateKey } = await generate("ec", { namedCurve: "P-256" });
  const { subject, subjectKeyIdentifier } = readIssuer(new X509Certificate(authority.certificate).raw);
  const certificate = signCertificate(
    { subject: nameOf(dnsNames[0] ?? ""), validity, publicKey },
    { subject, key: createPrivateKey(authority.key) },
    [
      extension(OID.basicConstraints, sequence(), true),
      extension(OID.keyUsage, namedBits(DIGITAL_SIGNATURE), true),
      extension(OID.extendedKeyUsage, sequence(objectIdentifier(OID.serverAuth))),
      extension(OID.subjectAltName, dnsNamesOf(dnsNames)),
      extension(OID.subjectKeyIdentifier, octetString(keyIdentifier(publicKey))),
      ...(subjectKeyIdentifier === undefined
        ? []
        : [extension(OID.authorityKeyIdentifier, sequence(implicit(0, subjectKeyIdentifier)))]),
    ],
  );
  return { certificate, key: privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
}

/** RFC 5280 §4.2.1.6 */
const dnsNamesOf = (names: readonly string[]): Buffer =>
  sequence(...names.map((name) => implicit(2, Buffer.from(name, "ascii"))));

/** RFC 5280 §4.1 */
function signCertificate(
  { subject, validity, publicKey }: Readonly<{ subject: Buffer; validity: Validity; publicKey: KeyObject }>,
  issuer: Readonly<{ subject: Buffer; key: KeyObject }>,
  extensions: readonly Buffer[],
): string {
  const algorithm = signatureAlgorithm(issuer.key);
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40; // positive, and never zero. RFC 5280 §4.1.2.2
  const body = sequence(
    explicit(0, integer(Buffer.of(2))), // version 3
    integer(serial),
    algorithm,
    issuer.subject,
    sequence(time(validity.from), time(validity.until)),
    subject,
    publicKey.export({ type: "spki", format: "der" }),
    explicit(3, sequence(...extensions)),
  );
  const hash = issuer.key.asymmetricKeyType === "ed25519" ? null : "sha256";
  const der = sequence(body, algorithm, bitString(sign(hash, body, issuer.key)));
  const lines = der.toString("base64").replaceAll(/.{64}(?=.)/g, "$&\n");
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

function signatureAlgorithm({ asymmetricKeyType }: KeyObject): Buffer {
  switch (asymmetricKeyType) {
    case "ec":
      return sequence(objectIdentifier(OID.ecdsaWithSha256));
    case "ed25519":
      return sequence(objectIdentifier(OID.ed25519));
    default:
      return sequence(objectIdentifier(OID.sha256WithRsa), nothing());
  }
}

/** Kinds of keys with which makeServerCertificate() can sign. */
export function canSign({ asymmetricKeyType }: KeyObject): boolean {
  return asymmetricKeyType === "rsa" || asymmetricKeyType === "ec" || asymmetricKeyType === "ed25519";
}

function extension(oid: string, value: Buffer, isCritical = false): Buffer {
  return sequence(objectIdentifier(oid), ...(isCritical ? [yes()] : []), octetString(value));
}

/** The leftmost 160 bits of the key's SHA-256. RFC 7093 §2 (1) */
function keyIdentifier(publicKey: KeyObject): Buffer {
  const info = publicKey.export({ type: "spki", format: "der" });
  const [whole] = readElements(info);
  const key = readElements(whole?.contents ?? info)[1]; // BIT STRING, whose first octet counts unused bits
  return createHash("sha256")
    .update((key?.contents ?? info).subarray(1))
    .digest()
    .subarray(0, 20);
}

/** The name to copy into what this certificate signs, octet by octet, and its key identifier. RFC 5280 §4.1.2.4 */
function readIssuer(raw: Buffer): Readonly<{ subject: Buffer; subjectKeyIdentifier?: Buffer }> {
  const inside = (octets: Buffer | undefined): readonly { tag: number; whole: Buffer; contents: Buffer }[] =>
    octets === undefined ? [] : readElements(octets);
  const fields = inside(inside(inside(raw)[0]?.contents)[0]?.contents);
  const subject = fields[5]?.whole ?? sequence(); // after version, serial number, algorithm, issuer and validity
  const wanted = objectIdentifier(OID.subjectKeyIdentifier);
  const extensions = inside(inside(fields.find(({ tag }) => tag === 0xa3)?.contents)[0]?.contents);
  const parts = extensions.map(({ contents }) => inside(contents));
  const found = parts.find(([oid]) => oid?.whole.equals(wanted))?.at(-1);
  const subjectKeyIdentifier = inside(found?.contents)[0]?.contents;
  return { subject, ...(subjectKeyIdentifier === undefined ? {} : { subjectKeyIdentifier }) };
}

const MAX_CERTIFICATES = 16; // of one text; an authority in service has one or two

/** The certificates of a PEM text, in order, at most 16. @returns what is wrong with it; never throws */
export function readCertificates(text: string): Result<readonly X509Certificate[], string> {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) return refuse("holds no certificate");
  try {
    return succeed(blocks.slice(0, MAX_CERTIFICATES).map((block) => new X509Certificate(block)));
  } catch {
    return refuse("holds what is no certificate");
  }
}

/** @returns undefined where the text is no private key that can be read without a passphrase; never throws */
export function readPrivateKey(text: string): KeyObject | undefined {
  try {
    return createPrivateKey(text);
  } catch {
    return undefined;
  }
}

/** Whether this key belongs to this certificate; never throws. */
export function isPair(certificate: X509Certificate, key: KeyObject): boolean {
  try {
    return certificate.checkPrivateKey(key);
  } catch {
    return false;
  }
}

/** Whether the one has signed the other; never throws. */
export function isSignedBy(certificate: X509Certificate, authority: X509Certificate): boolean {
  try {
    return certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
  } catch {
    return false;
  }
}

/** Milliseconds since the Unix epoch. */
export function validityOf({ validFrom, validTo }: X509Certificate): Validity {
  return { from: Date.parse(validFrom), until: Date.parse(validTo) };
}
