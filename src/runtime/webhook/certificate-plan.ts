import type { X509Certificate } from "node:crypto";
import {
  canSign,
  isPair,
  isSignedBy,
  readCertificates,
  readPrivateKey,
  validityOf,
  type PemPair,
  type Validity,
} from "./certificate.js";

/** What the Secret holds, in PEM, under the keys ca.crt, ca.key, tls.crt and tls.key; "" where a key is not there. */
export type CertificateSecret = Readonly<{
  /** The authority whose key is in caKey, and after it those before it that are not over yet. */
  caCertificates: string;
  caKey: string;
  serverCertificate: string;
  serverKey: string;
}>;

/** How long certificates are good for, and how early the next ones are made. All in milliseconds. */
export type CertificateTerms = Readonly<{
  authority: number;
  server: number;
  /** Before the end; but never more than a third of a certificate's life. */
  renewBefore: number;
  /** Certificates begin so long before they are made: clocks differ. */
  backdate: number;
  /** How long a new authority is told to everybody before a server's certificate of it is used. */
  settle: number;
  /** The longest time without a look. */
  look: number;
}>;

const DAY = 24 * 3600 * 1000;
/** Those of the program that is replaced, where it has them. */
export const USUAL_TERMS: CertificateTerms = {
  authority: 3650 * DAY,
  server: 365 * DAY,
  renewBefore: 90 * DAY,
  backdate: 3600 * 1000,
  settle: 60 * 1000,
  look: DAY / 2,
};

/** What is to be done next, `why` in words that end a sentence. */
export type CertificatePlan = Readonly<{
  /** The pair to serve with, where there is a good one. */
  serve: PemPair | undefined;
  /** What clients are to trust: the authorities in PEM; undefined where there is none. */
  trust: string | undefined;
  step:
    | Readonly<{ do: "wait"; milliseconds: number }>
    /** Nothing there is of use: a new authority and a server's certificate of it, at once. */
    | Readonly<{ do: "beginAnew"; why: string }>
    /** The authority nears its end: the next one goes before it, and what is served stays. */
    | Readonly<{ do: "addAuthority"; why: string }>
    /**
     * `whenTrustedUntil`: only when everybody knows the authority that signs, or at that time, in milliseconds since the
     * Unix epoch: until then what is served is good. Absent: at once.
     */
    | Readonly<{ do: "renewServer"; why: string; authority: PemPair; whenTrustedUntil?: number }>;
}>;

/**
 * Decides on the certificates. Pure: the same Secret, time and names give the same plan; never throws.
 * @param now milliseconds since the Unix epoch
 * @param dnsNames by which the API server calls; the certificate has to have them all
 */
export function planCertificates(
  secret: CertificateSecret,
  now: number,
  dnsNames: readonly string[],
  terms: CertificateTerms,
): CertificatePlan {
  const authorities = readAuthorities(secret, now);
  if (typeof authorities === "string") {
    return { serve: undefined, trust: undefined, step: { do: "beginAnew", why: authorities } };
  }
  const { signing, trusted, authority } = authorities;
  const trust = trusted.map((one) => `${one.toString().trim()}\n`).join("");
  const server = readServer(secret, trusted, now, dnsNames);
  if (typeof server === "string") {
    return { serve: undefined, trust, step: { do: "renewServer", why: server, authority } };
  }
  const serve = { certificate: secret.serverCertificate, key: secret.serverKey };
  const renewAt = (certificate: X509Certificate): number => renewalOf(validityOf(certificate), terms);
  const isOfSigning = isSignedBy(server, signing);
  // The successor of an authority is not used for a while, and what is served has to last so long.
  const { from, until } = validityOf(server);
  const isDue = now >= renewAt(server) || (now >= renewAt(signing) && until - now < (until - from) / 2);
  if (isOfSigning && isDue) {
    return {
      serve,
      trust,
      step: { do: "renewServer", why: `the certificate in use ends ${server.validTo}`, authority },
    };
  }
  if (now >= renewAt(signing)) {
    return { serve, trust, step: { do: "addAuthority", why: `the authority ends ${signing.validTo}` } };
  }
  if (!isOfSigning) {
    const why = "the certificate in use is of the authority before";
    const issuers = trusted.filter((one) => isSignedBy(server, one));
    const whenTrustedUntil = Math.min(until, ...issuers.map((one) => validityOf(one).until));
    return { serve, trust, step: { do: "renewServer", why, authority, whenTrustedUntil } };
  }
  const next = Math.min(...trusted.map((one) => validityOf(one).until), renewAt(signing), renewAt(server));
  return { serve, trust, step: { do: "wait", milliseconds: Math.min(terms.look, next - now) } };
}

function renewalOf({ from, until }: Validity, { renewBefore }: CertificateTerms): number {
  return until - Math.min(renewBefore, (until - from) / 3);
}

type Authorities = Readonly<{
  /** The one that signs. */
  signing: X509Certificate;
  authority: PemPair;
  /** It, and those before it that are not over. */
  trusted: readonly X509Certificate[];
}>;

/** @returns or why none is of use */
function readAuthorities({ caCertificates, caKey }: CertificateSecret, now: number): Authorities | string {
  if (caCertificates === "" && caKey === "") return "there is none yet";
  const read = readCertificates(caCertificates);
  if (!read.ok) return `ca.crt ${read.fault}`;
  const key = readPrivateKey(caKey);
  if (key === undefined || !canSign(key)) return "ca.key is no private key that can sign";
  const signing = read.value.find((certificate) => isPair(certificate, key));
  if (signing === undefined) return "ca.key is not the key of a certificate in ca.crt";
  if (!signing.ca) return "the certificate of ca.key in ca.crt is no authority";
  if (!isCurrent(signing, now)) return `the authority is good from ${signing.validFrom} to ${signing.validTo} only`;
  const others = read.value.filter((one) => one !== signing && isCurrent(one, now));
  return { signing, authority: { certificate: signing.toString(), key: caKey }, trusted: [signing, ...others] };
}

/** @returns or why the certificate cannot be served */
function readServer(
  { serverCertificate, serverKey }: CertificateSecret,
  trusted: readonly X509Certificate[],
  now: number,
  dnsNames: readonly string[],
): X509Certificate | string {
  if (serverCertificate === "") return "there is none yet";
  const read = readCertificates(serverCertificate);
  if (!read.ok) return `tls.crt ${read.fault}`;
  const [certificate] = read.value;
  const key = readPrivateKey(serverKey);
  if (certificate === undefined || key === undefined) return "tls.key is no private key";
  if (!isPair(certificate, key)) return "tls.key is not the key of tls.crt";
  if (!isCurrent(certificate, now))
    return `tls.crt is good from ${certificate.validFrom} to ${certificate.validTo} only`;
  if (!trusted.some((authority) => isSignedBy(certificate, authority))) return "tls.crt is of no authority in ca.crt";
  const missing = dnsNames.find((name) => certificate.checkHost(name) === undefined);
  return missing === undefined ? certificate : `tls.crt is not for ${missing}`;
}

function isCurrent(certificate: X509Certificate, now: number): boolean {
  const { from, until } = validityOf(certificate);
  return from <= now && now < until;
}
