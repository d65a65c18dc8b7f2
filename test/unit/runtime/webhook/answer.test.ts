import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRoutes } from "../../../../src/runtime/webhook/answer.js";
import { runs } from "../../runs.js";

const counted: string[] = [];
const routes = createRoutes({
  config: { namespace: "metallb-system", configMapName: "config" },
  list: async () => ({ ok: true, value: [] }),
  counters: {
    reviewed: (webhook, outcome) => void counted.push(`${webhook} ${outcome}`),
    dropped: (reason) => void counted.push(reason),
  },
});

async function answer(path: string, text: string): Promise<Readonly<{ status: number; body: string }>> {
  const route = routes.get(path);
  if (route === undefined) throw new Error(`no route ${path}`);
  counted.length = 0;
  return route.answer(text);
}
const POOLS = "/validate-metallb-io-v1beta1-ipaddresspool";

const pool = (addresses: unknown) => ({
  apiVersion: "metallb.io/v1beta1",
  kind: "IPAddressPool",
  metadata: { name: "a", namespace: "metallb-system" },
  spec: { addresses },
});
const admission = (object: unknown, more: object = {}) => ({
  apiVersion: "admission.k8s.io/v1",
  kind: "AdmissionReview",
  request: {
    uid: "705ab4f5-6393-11e8-b7cc-42010a800002",
    kind: { group: "metallb.io", version: "v1beta1", kind: "IPAddressPool" },
    resource: { group: "metallb.io", version: "v1beta1", resource: "ipaddresspools" },
    name: "a",
    namespace: "metallb-system",
    operation: "CREATE",
    userInfo: { username: "admin" },
    object,
    oldObject: null,
    dryRun: false,
    ...more,
  },
});
const conversion = (objects: unknown) => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "ConversionReview",
  request: { uid: "705ab4f5", desiredAPIVersion: "metallb.io/v1beta1", objects },
});
const peer = {
  apiVersion: "metallb.io/v1beta2",
  kind: "BGPPeer",
  metadata: { name: "a" },
  spec: { myASN: 1, vrf: "x" },
};

it("has the paths that installed objects name", () => {
  const kinds = ["ipaddresspool", "bgpadvertisement", "l2advertisement", "community", "bfdprofile", "addresspool"];
  const paths = kinds.map((kind) => `/validate-metallb-io-v1beta1-${kind}`);
  expect([...routes.keys()]).toEqual(
    expect.arrayContaining([...paths, "/validate-metallb-io-v1beta2-bgppeer", "/convert"]),
  );
});

describe("an AdmissionReview is answered in its own version and by its uid", () => {
  it.each([
    ["allowed", ["10.0.0.0/24"], { uid: "705ab4f5-6393-11e8-b7cc-42010a800002", allowed: true }],
    [
      "denied",
      [],
      {
        allowed: false,
        status: { code: 403, reason: "Forbidden", message: expect.stringContaining("/spec/addresses") },
      },
    ],
  ])("%s", async (outcome, addresses, response) => {
    for (const apiVersion of ["admission.k8s.io/v1", "admission.k8s.io/v1beta1"]) {
      const { status, body } = await answer(POOLS, JSON.stringify({ ...admission(pool(addresses)), apiVersion }));
      expect(status).toBe(200);
      expect(JSON.parse(body)).toMatchObject({ apiVersion, kind: "AdmissionReview", response });
      expect(counted).toEqual([`IPAddressPool ${outcome}`]);
    }
  });

  it("with messages and warnings that the API server takes", async () => {
    const many = Array.from({ length: 5000 }, (_, index) => `wrong ${index} ${"x".repeat(200)}`);
    const { body } = await answer(POOLS, JSON.stringify(admission(pool(many))));
    const { response } = JSON.parse(body) as { response: { status: { message: string } } };
    expect(response.status.message.length).toBeLessThan(8_001);
    expect(response.status.message).toMatch(/and \d+ more$/);
  });
});

it("a ConversionReview is answered in its own version and by its uid", async () => {
  for (const apiVersion of ["apiextensions.k8s.io/v1", "apiextensions.k8s.io/v1beta1"]) {
    const { body } = await answer("/convert", JSON.stringify({ ...conversion([peer]), apiVersion }));
    const response = {
      uid: "705ab4f5",
      result: { status: "Success" },
      convertedObjects: [{ apiVersion: "metallb.io/v1beta1" }],
    };
    expect(JSON.parse(body)).toMatchObject({ apiVersion, kind: "ConversionReview", response });
  }
  const failed = await answer("/convert", JSON.stringify(conversion([peer, 7])));
  const result = { status: "Failed", message: expect.stringContaining("it is no mapping") };
  expect(JSON.parse(failed.body)).toMatchObject({ response: { uid: "705ab4f5", convertedObjects: [], result } });
});

const deep = (levels: number): string => `${"[".repeat(levels)}${"]".repeat(levels)}`;
it.each([
  ["a review", POOLS, JSON.stringify(admission("DEEP")), "allowed"],
  ["a conversion", "/convert", JSON.stringify(conversion([{ ...peer, spec: "DEEP" }])), "Failed"],
  ["a conversion's field", "/convert", JSON.stringify(conversion([{ ...peer, spec: { vrf: "DEEP" } }])), "Failed"],
])("%s that is nested deeper than the stack is refused, and that is counted", async (_, path, text, word) => {
  const { status, body } = await answer(path, text.replace('"DEEP"', deep(200_000)));
  expect(status).toBe(200);
  expect(body).toContain(word);
  expect(body).not.toContain('"allowed":true');
});

describe("whatever comes is answered", () => {
  /** A value of JSON with one of its parts replaced. */
  const mutated = (value: unknown): fc.Arbitrary<unknown> =>
    fc.oneof(
      { weight: 1, arbitrary: fc.jsonValue() },
      {
        weight: 6,
        arbitrary:
          typeof value === "object" && value !== null && Object.keys(value).length > 0
            ? fc
                .constantFrom(...Object.keys(value))
                .chain((key) =>
                  mutated((value as Record<string, unknown>)[key]).map((part) =>
                    Array.isArray(value)
                      ? value.map((one: unknown, at) => (String(at) === key ? part : one))
                      : Object.assign({}, value, { [key]: part }),
                  ),
                )
            : fc.jsonValue(),
      },
    );
  const reviews = fc.oneof(
    mutated(admission(pool(["10.0.0.0/24", "10.0.1.0-10.0.1.9"]))).map(
      (review) => [POOLS, JSON.stringify(review)] as const,
    ),
    mutated(conversion([peer, { ...peer, apiVersion: "metallb.io/v1beta1" }])).map(
      (review) => ["/convert", JSON.stringify(review)] as const,
    ),
    fc.tuple(fc.constantFrom(...routes.keys()), fc.string()),
  );
  it("with 200 or 400, and JSON that says whether", async () => {
    await fc.assert(
      fc.asyncProperty(reviews, async ([path, text]) => {
        const { status, body } = await answer(path, text);
        expect([200, 400]).toContain(status);
        expect(counted.length).toBeGreaterThan(0);
        if (status === 400) return;
        const { response } = JSON.parse(body) as { response: { allowed?: unknown; result?: { status: string } } };
        expect(response.allowed ?? response.result?.status).toBeDefined();
        expect(counted).not.toContain("internal");
      }),
      { numRuns: runs(400) },
    );
  });
});
