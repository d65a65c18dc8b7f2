import { expect, it } from "vitest";
import { generateKeyPairSync } from "node:crypto";
import { findCredentialsFault } from "../../../../src/runtime/kubernetes/credentials-check.js";

// For these tests alone: self-signed, for localhost, until 2126.
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg6QqvRqGqySOyHTXr
SSFytrYg1/MVj70bx1vFCq4Bw/+hRANCAARB7sE/BqVipDCyOcwEIjLHS47OKplq
DNr4Rn6vzrYpEBOg3yBsvA7MGH98WwTdFXFjPXdl1vJViQnxhBZlCzrI
-----END PRIVATE KEY-----
`;
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBkTCCATagAwIBAgIUKxRvjuKXe8NfnV9PDwnjH4HIA1IwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTEwMTUxN1oYDzIxMjYxMDI4
MTAxNTE3WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAARB7sE/BqVipDCyOcwEIjLHS47OKplqDNr4Rn6vzrYpEBOg3yBsvA7M
GH98WwTdFXFjPXdl1vJViQnxhBZlCzrIo2QwYjAdBgNVHQ4EFgQUviXnzdxzGGPK
f9K0LbeMq6oPRJowHwYDVR0jBBgwFoAUviXnzdxzGGPKf9K0LbeMq6oPRJowDwYD
VR0TAQH/BAUwAwEB/zAPBgNVHREECDAGhwR/AAABMAoGCCqGSM49BAMCA0kAMEYC
IQD9xCEX2MSnRPOEi3tFb5lcst3mGOX/0zlbbSzzN/LxegIhAIFmjMwUxMmSCQV7
I3SG4+AHkF48qEbl3sy+lDXX7bY8
-----END CERTIFICATE-----
`;
const OTHER_KEY = generateKeyPairSync("ec", {
  namedCurve: "prime256v1",
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
}).privateKey;
const files = { ca: "ca.crt", cert: "tls.crt", key: "tls.key", token: "token" };
const headers = { authorization: "Bearer abc" };
const cut = (pem: string): Buffer => Buffer.from(pem.slice(0, 100));
const good = { ca: Buffer.from(CERTIFICATE), cert: Buffer.from(CERTIFICATE), key: Buffer.from(KEY) };

it.each([
  { name: "a token, an authority, a certificate and its key", credentials: { headers, tls: good, files } },
  { name: "nothing", credentials: { headers: {}, tls: {}, files: {} } },
  { name: "nothing, from nowhere known", credentials: { headers: {}, tls: {} } },
  {
    name: "an authority with words before it and another after it",
    credentials: { headers, tls: { ca: `# ours\n${CERTIFICATE}${CERTIFICATE}` } },
  },
  {
    name: "an authority that does not matter",
    credentials: { headers, tls: { ca: cut(CERTIFICATE), rejectUnauthorized: false } },
  },
])("finds nothing wrong with $name", ({ credentials }) => {
  expect(findCredentialsFault(credentials, "kubeconfig x")).toBeUndefined();
});

it.each([
  { name: "a cut authority", tls: { ...good, ca: cut(CERTIFICATE) }, fault: "the certificate authority ca.crt" },
  { name: "an empty authority", tls: { ...good, ca: Buffer.alloc(0) }, fault: "the certificate authority ca.crt" },
  { name: "a cut certificate", tls: { ...good, cert: cut(CERTIFICATE) }, fault: "the client certificate tls.crt" },
  { name: "an empty certificate", tls: { ...good, cert: Buffer.alloc(0) }, fault: "the client certificate tls.crt" },
  { name: "a cut key", tls: { ...good, key: cut(KEY) }, fault: "the client key tls.key" },
  {
    name: "another certificate's key",
    tls: { ...good, key: OTHER_KEY },
    fault: "the client certificate tls.crt with its key tls.key",
  },
])("names the file of $name, with the reason and the remedy, and shows nothing of it", ({ tls, fault }) => {
  const found = findCredentialsFault({ headers, tls, files }, "kubeconfig x") ?? "";
  expect(found.startsWith(`Cannot use the credentials of kubeconfig x: ${fault} cannot be read (`)).toBe(true);
  expect(found).toMatch(/\([a-z ]+\): write it anew, whole and as PEM$/);
  expect(found).not.toMatch(/MI[IG]|BEGIN/);
});

it.each([
  {
    name: "a control character",
    value: { authorization: "Bearer a\u0000b" },
    fault: /the token token has a character/,
  },
  { name: "two lines", value: { authorization: "Bearer a\nb" }, fault: /the token token has a character/ },
  { name: "nothing", value: {}, fault: /the token token is empty/ },
  { name: "white space", value: { authorization: "Bearer" }, fault: /the token token is empty/ },
  {
    name: "another header's line end",
    value: { ...headers, "impersonate-user": "a\nb" },
    fault: /the header "impersonate-user" has a character/,
  },
])("does not use a token file with $name", ({ value, fault }) => {
  expect(findCredentialsFault({ headers: value, tls: {}, files }, "kubeconfig x")).toMatch(fault);
});
