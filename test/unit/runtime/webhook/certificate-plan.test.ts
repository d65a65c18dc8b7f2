import { beforeAll, describe, expect, it } from "vitest";
import { makeAuthority, makeServerCertificate, type PemPair } from "../../../../src/runtime/webhook/certificate.js";
import {
  USUAL_TERMS,
  planCertificates,
  type CertificatePlan,
  type CertificateSecret,
} from "../../../../src/runtime/webhook/certificate-plan.js";

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 5, 1);
const NAMES = ["metallb-webhook-service.metallb-system.svc"];
const EMPTY: CertificateSecret = { caCertificates: "", caKey: "", serverCertificate: "", serverKey: "" };

/** Authorities and servers' certificates, made once: keys take their time. */
let authority: PemPair;
let next: PemPair;
let short: PemPair;
let server: PemPair;
let ofShort: PemPair;
let ofThirtyDays: PemPair;
let secret: CertificateSecret;
beforeAll(async () => {
  const decade = { from: NOW, until: NOW + 3650 * DAY };
  [authority, next, short] = await Promise.all([
    makeAuthority(decade, "ec"),
    makeAuthority(decade, "ec"),
    makeAuthority({ from: NOW, until: NOW + 30 * DAY }, "ec"),
  ]);
  const year = { from: NOW, until: NOW + 365 * DAY };
  [server, ofShort, ofThirtyDays] = await Promise.all([
    makeServerCertificate(authority, NAMES, year),
    makeServerCertificate(short, NAMES, year),
    makeServerCertificate(short, NAMES, { from: NOW, until: NOW + 30 * DAY }),
  ]);
  secret = secretOf(authority, server);
});

const secretOf = (ca: PemPair, tls: PemPair, before = ""): CertificateSecret => ({
  caCertificates: ca.certificate + before,
  caKey: ca.key,
  serverCertificate: tls.certificate,
  serverKey: tls.key,
});
const plan = (what: CertificateSecret, day = 0, names = NAMES): CertificatePlan =>
  planCertificates(what, NOW + day * DAY, names, USUAL_TERMS);

describe("begins anew where", () => {
  it.each([
    ["nothing is there", () => EMPTY, "there is none yet"],
    ["there is no authority", () => ({ ...secret, caCertificates: "" }), "ca.crt holds no certificate"],
    ["its key is gone", () => ({ ...secret, caKey: "" }), "ca.key is no private key that can sign"],
    [
      "its key is another's",
      () => ({ ...secret, caKey: next.key }),
      "ca.key is not the key of a certificate in ca.crt",
    ],
    ["it is none", () => ({ ...secret, caCertificates: server.certificate, caKey: server.key }), /is no authority$/],
  ])("%s", (_, what, why) => {
    const { serve, step } = plan(what());
    expect(serve).toBeUndefined();
    expect(step).toEqual({ do: "beginAnew", why: typeof why === "string" ? why : expect.stringMatching(why) });
  });
  it("the authority is over, or not yet good", () => {
    expect(plan(secret, 3650).step).toMatchObject({ do: "beginAnew" });
    expect(plan(secret, -1).step).toMatchObject({ do: "beginAnew" });
  });
});

describe("renews the server's certificate at once where", () => {
  it.each([
    ["there is none", () => ({ ...secret, serverCertificate: "" }), "there is none yet"],
    ["it cannot be read", () => ({ ...secret, serverCertificate: "x" }), "tls.crt holds no certificate"],
    ["its key is gone", () => ({ ...secret, serverKey: "" }), "tls.key is no private key"],
    ["its key is another's", () => ({ ...secret, serverKey: authority.key }), "tls.key is not the key of tls.crt"],
    ["it is of a stranger", () => secretOf(next, server), "tls.crt is of no authority in ca.crt"],
  ])("%s", (_, what, why) => {
    const { serve, step } = plan(what());
    expect(serve).toBeUndefined();
    expect(step).toEqual({ do: "renewServer", why, authority: expect.anything() });
  });
  it("it has not the name by which we are called", () => {
    const names = [...NAMES, "webhook-service.metallb-system.svc"];
    expect(plan(secret, 0, names).step).toMatchObject({ do: "renewServer", why: `tls.crt is not for ${names[1]}` });
  });
  it("it is over", () => expect(plan(secret, 365)).toMatchObject({ serve: undefined, step: { do: "renewServer" } }));
});

it("waits, and serves what is there, until 90 days before the end", () => {
  expect(plan(secret)).toEqual({
    serve: server,
    trust: authority.certificate,
    step: { do: "wait", milliseconds: USUAL_TERMS.look },
  });
  expect(plan(secret, 275).step).toEqual({ do: "renewServer", why: expect.anything(), authority });
  expect(plan(secret, 275)).toMatchObject({ serve: server });
  expect(plan(secret, 274.75).step).toEqual({ do: "wait", milliseconds: DAY / 4 });
});

it("renews what lives shorter than that after two thirds of its life", () => {
  expect(plan(secretOf(short, ofShort), 19).step).toMatchObject({ do: "wait" });
  expect(plan(secretOf(short, ofShort), 20).step).toMatchObject({ do: "addAuthority" });
});

it("renews a certificate in the second half of its life before the authority that signs it", () => {
  const both = secretOf(short, ofThirtyDays);
  expect(plan(both, 19.9).step).toMatchObject({ do: "wait" });
  expect(plan(both, 20).step).toMatchObject({ do: "renewServer", authority: { key: short.key } });
});

it("puts the next authority before the last, and goes on serving until everybody knows it", () => {
  const both = secretOf(next, ofShort, short.certificate);
  const { serve, trust, step } = plan(both, 21);
  expect(serve).toEqual(ofShort);
  expect(trust).toBe(next.certificate + short.certificate);
  expect(step).toMatchObject({ do: "renewServer", whenTrustedUntil: NOW + 30 * DAY, authority: { key: next.key } });
});

it("forgets an authority that is over", () => {
  const both = secretOf(authority, server, short.certificate);
  expect(plan(both, 29.75)).toMatchObject({ step: { do: "wait", milliseconds: DAY / 4 } });
  expect(plan(both, 30).trust).toBe(authority.certificate);
});
