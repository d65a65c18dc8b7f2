import { describe, expect, it } from "vitest";
import type { KubernetesDocument } from "../../../../src/config/documents.js";
import { documentOfObject } from "../../../../src/config/read-documents.js";
import type { AdmissionRequest, Verdict } from "../../../../src/runtime/webhook/admission-review.js";
import type { ListedKind } from "../../../../src/runtime/webhook/ports.js";
import { reviewAdmission } from "../../../../src/runtime/webhook/review-admission.js";
import type { ValidatedKind } from "../../../../src/runtime/webhook/validate.js";

const NAMESPACE = "metallb-system";
const CONFIG = { namespace: NAMESPACE, configMapName: "config" };
type Spec = Readonly<Record<string, unknown>>;

const object = (kind: string, name: string, spec: Spec, namespace = NAMESPACE) => ({
  apiVersion: `metallb.io/${kind === "BGPPeer" ? "v1beta2" : "v1beta1"}`,
  kind,
  metadata: { name, namespace },
  spec,
});
const pool = (name: string, ...addresses: readonly string[]) => object("IPAddressPool", name, { addresses });
const PEER = { myASN: 64512, peerASN: 64513, peerAddress: "10.0.0.1" };

function documentOf(value: unknown): KubernetesDocument {
  const document = documentOfObject(value);
  if (!document.ok) throw new Error(document.fault.problem);
  return document.value;
}

/** What the API server would be told, with these objects in the cluster. */
function review(
  request: Partial<AdmissionRequest>,
  { present = [], failure }: Readonly<{ present?: readonly object[]; failure?: string }> = {},
  asked: ListedKind[] = [],
): Promise<Verdict> {
  const incoming = (request.object ?? request.oldObject) as ReturnType<typeof object>;
  const full: AdmissionRequest = {
    apiVersion: "admission.k8s.io/v1",
    uid: "1",
    kind: incoming.kind,
    operation: "CREATE",
    name: incoming.metadata.name,
    namespace: incoming.metadata.namespace,
    object: undefined,
    oldObject: undefined,
    ...request,
  };
  return reviewAdmission(full, incoming.kind as ValidatedKind, CONFIG, async (kind) => {
    asked.push(kind);
    if (failure !== undefined) return { ok: false, fault: failure };
    return { ok: true, value: present.map(documentOf).filter((document) => document.kind === kind) };
  });
}
const create = (value: object, ...present: readonly object[]) => review({ object: value }, { present });

describe("lets through", () => {
  it.each([
    ["a pool", pool("a", "10.0.0.0/24")],
    [
      "a peer whose profile and Secret are yet to come",
      object("BGPPeer", "a", { ...PEER, bfdProfile: "b", passwordSecret: { name: "s" } }),
    ],
    ["an advertisement with an alias that is yet to come", object("BGPAdvertisement", "a", { communities: ["mine"] })],
    ["an advertisement of pools that are yet to come", object("L2Advertisement", "a", { ipAddressPools: ["none"] })],
    ["a Community", object("Community", "a", { communities: [{ name: "x", value: "1:2" }] })],
    ["a profile", object("BFDProfile", "a", { receiveInterval: 300 })],
  ])("%s", async (_, value) => expect(await create(value)).toEqual({ allowed: true, warnings: [] }));

  it("an alias with a colon that is defined", async () => {
    const aliases = object("Community", "c", { communities: [{ name: "my:alias", value: "1:2" }] });
    expect(await create(object("BGPAdvertisement", "a", { communities: ["my:alias"] }), aliases)).toMatchObject({
      allowed: true,
    });
  });

  it("a pool in the place of itself", async () => {
    const request = {
      operation: "UPDATE" as const,
      object: pool("a", "10.0.0.0/23"),
      oldObject: pool("a", "10.0.0.0/24"),
    };
    expect(await review(request, { present: [pool("a", "10.0.0.0/24")] })).toMatchObject({ allowed: true });
  });

  it("a change of a pool that would not fit an advertisement, so that both can be changed", async () => {
    const advertisement = object("BGPAdvertisement", "b", { aggregationLength: 24 });
    expect(await create(pool("a", "10.0.0.0/28"), advertisement)).toMatchObject({ allowed: true });
  });

  it("a change of something else while another object is wrong", async () => {
    const wrong = pool("bad", "10.0.0.300/24");
    expect(await create(pool("good", "10.1.0.0/24"), wrong)).toEqual({ allowed: true, warnings: [] });
  });

  it("a change beside what was wrong before, with a warning", async () => {
    const wrong = pool("bad", "10.0.0.300/24");
    const labelled = { ...wrong, metadata: { ...wrong.metadata, labels: { a: "b" } } };
    const verdict = await review({ operation: "UPDATE", object: labelled, oldObject: wrong }, { present: [wrong] });
    expect(verdict.allowed).toBe(true);
    expect(verdict.warnings).toEqual([expect.stringContaining('/spec/addresses/0 is "10.0.0.300/24"')]);
  });

  it("an update in another namespace: nothing reads it", async () => {
    const elsewhere = object("IPAddressPool", "a", { addresses: ["wrong"] }, "other");
    expect(await review({ operation: "UPDATE", object: elsewhere, oldObject: elsewhere })).toMatchObject({
      allowed: true,
    });
  });

  it("the deletion of a pool, whoever uses it, without a look", async () => {
    const asked: ListedKind[] = [];
    const request = { operation: "DELETE" as const, oldObject: pool("a", "10.0.0.0/24") };
    expect(await review(request, {}, asked)).toEqual({ allowed: true, warnings: [] });
    expect(asked).toEqual([]);
  });
});

describe("denies", () => {
  it.each([
    ["no addresses", pool("a"), [], /IPAddressPool metallb-system\/a: \/spec\/addresses/],
    ["an address", pool("a", "10.0.0.0/33"), [], /\/spec\/addresses\/0 is "10\.0\.0\.0\/33"/],
    [
      "an overlap",
      pool("b", "10.0.0.128/25"),
      [pool("a", "10.0.0.0/24")],
      /in common with 10\.0\.0\.0\/24 in IPAddressPool metallb-system\/a/,
    ],
    [
      "an overlap with one whose name comes later",
      pool("a", "10.0.0.128/25"),
      [pool("b", "10.0.0.0/24")],
      /IPAddressPool metallb-system\/b: .*IPAddressPool metallb-system\/a/,
    ],
    [
      "half an overlap with the old ConfigMap",
      pool("b", "10.0.0.128/25"),
      [
        {
          apiVersion: "v1",
          kind: "ConfigMap",
          metadata: { name: "config", namespace: NAMESPACE },
          data: { config: "address-pools: [{name: l, protocol: layer2, addresses: [10.0.0.0/24]}]" },
        },
      ],
      /in common with/,
    ],
    ["a peer's AS", object("BGPPeer", "a", { ...PEER, myASN: 0 }), [], /\/spec\/myASN is 0/],
    [
      "a peer's address",
      object("BGPPeer", "a", { ...PEER, peerAddress: "router" }),
      [],
      /\/spec\/peerAddress is "router"/,
    ],
    [
      "a community",
      object("BGPAdvertisement", "a", { communities: ["70000:1"] }),
      [],
      /\/spec\/communities\/0 is "70000:1"/,
    ],
    [
      "an aggregate beyond the pool",
      object("BGPAdvertisement", "a", { aggregationLength: 20 }),
      [pool("p", "10.0.0.0/24")],
      /shorter than \/24/,
    ],
    [
      "a preference against another",
      object("BGPAdvertisement", "b", { localPref: 2 }),
      [pool("p", "10.0.0.0/24"), object("BGPAdvertisement", "a", { localPref: 1 })],
      /\/spec\/localPref/,
    ],
    ["a selector", object("L2Advertisement", "a", { nodeSelectors: [{}, {}] }), [], /\/spec\/nodeSelectors\/1/],
    [
      "an alias of another Community",
      object("Community", "b", { communities: [{ name: "x", value: "1:2" }] }),
      [object("Community", "a", { communities: [{ name: "x", value: "1:3" }] })],
      /is an alias that/,
    ],
    ["a profile", object("BFDProfile", "a", { receiveInterval: 1 }), [], /\/spec\/receiveInterval is 1/],
    [
      "an AddressPool",
      object("AddressPool", "a", { protocol: "arp", addresses: ["10.0.0.0/33"] }),
      [],
      /\/spec\/protocol[^]*\/spec\/addresses\/0/,
    ],
    [
      "an object in another namespace",
      object("Community", "a", {}, "default"),
      [],
      /\/metadata\/namespace is "default"/,
    ],
    [
      "also one with disableMP",
      object("BGPPeer", "a", { ...PEER, disableMP: true }, "default"),
      [],
      /\/metadata\/namespace is "default"/,
    ],
  ])("%s", async (_, value, present, message) => {
    expect(await create(value, ...present)).toMatchObject({
      allowed: false,
      code: 403,
      reason: "Forbidden",
      message: expect.stringMatching(message),
    });
  });

  it("with all that is wrong, and no password", async () => {
    const secret = { ...PEER, myASN: 0, password: "hunter2", passwordSecret: { name: "s" }, holdTime: "1s" };
    const verdict = await create(object("BGPPeer", "a", secret));
    const text = JSON.stringify(verdict);
    expect(text).toMatch(/myASN[^]*holdTime|holdTime[^]*myASN/);
    expect(text).not.toContain("hunter2");
    const misplaced = await create(
      object("BGPPeer", "a", { ...PEER, password: { secret: "hunter2" }, pasword: "hunter2" }),
    );
    expect(misplaced.allowed).toBe(false);
    expect(JSON.stringify(misplaced)).not.toContain("hunter2");
  });

  it("another fault in the place of one that was there", async () => {
    const request = {
      operation: "UPDATE" as const,
      object: pool("a", "10.0.0.0/34"),
      oldObject: pool("a", "10.0.0.0/33"),
    };
    expect(await review(request, { present: [pool("a", "10.0.0.0/33")] })).toMatchObject({ allowed: false });
  });

  it("the deletion of a profile that peers name", async () => {
    const request = { operation: "DELETE" as const, oldObject: object("BFDProfile", "fast", {}) };
    const users = ["a", "b"].map((name) => object("BGPPeer", name, { ...PEER, bfdProfile: "fast" }));
    expect(await review(request, { present: users })).toMatchObject({
      allowed: false,
      message: expect.stringContaining("in use by BGPPeer metallb-system/a and 1 more"),
    });
    expect(await review(request, { present: [object("BGPPeer", "a", PEER)] })).toEqual({ allowed: true, warnings: [] });
  });

  it("what cannot be looked up, as its own failure", async () => {
    expect(await review({ object: pool("a", "10.0.0.0/24") }, { failure: "the API server is away" })).toMatchObject({
      allowed: false,
      code: 500,
      message: "Cannot check IPAddressPool metallb-system/a against the others: the API server is away: try again",
    });
  });

  it("a request that was sent to the webhook of another kind", async () => {
    const request = { kind: "Service", object: pool("a", "10.0.0.0/24") };
    expect(await review(request)).toMatchObject({ allowed: false, code: 400 });
  });
});

it.each([
  [
    "what has no effect",
    object("BGPPeer", "a", { ...PEER, disableMP: true }),
    /disableMP is true, which has no effect/,
  ],
  [
    "what is read in unlike ways",
    { ...object("BGPPeer", "a", { ...PEER, holdTime: "0s" }), apiVersion: "metallb.io/v1beta1" },
    /holdTime/,
  ],
  [
    "a kind that nothing serves from",
    object("AddressPool", "a", { protocol: "bgp", addresses: ["10.0.0.0/24"] }),
    /migrate convert/,
  ],
])("warns of %s", async (_, value, message) => {
  expect(await create(value)).toEqual({ allowed: true, warnings: [expect.stringMatching(message)] });
});
