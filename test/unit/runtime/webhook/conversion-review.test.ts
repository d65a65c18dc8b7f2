import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parse } from "../../../../src/runtime/webhook/admission-review.js";
import { convertObjects, type Conversion } from "../../../../src/runtime/webhook/conversion-review.js";
import { KEPT_ANNOTATION } from "../../../../src/runtime/webhook/convert-peer.js";
import { runs } from "../../runs.js";

type Spec = Readonly<Record<string, unknown>>;
type Peer = Readonly<{ metadata: Readonly<{ annotations?: Readonly<Record<string, string>> }>; spec: Spec }>;
const OLDER = "metallb.io/v1beta1";
const NEWER = "metallb.io/v1beta2";
const peer = (apiVersion: string, spec: Spec, annotations?: Readonly<Record<string, string>>) => ({
  apiVersion,
  kind: "BGPPeer",
  metadata: { name: "a", namespace: "metallb-system", ...(annotations === undefined ? {} : { annotations }) },
  spec,
  status: {},
});
const convert = (desiredApiVersion: string, ...objects: readonly unknown[]): Conversion =>
  convertObjects({ apiVersion: "apiextensions.k8s.io/v1", uid: "1", desiredApiVersion, objects });

function converted(to: string, object: unknown): Peer {
  const result = convert(to, object);
  if (!result.ok) throw new Error(result.fault);
  return result.value[0] as unknown as Peer;
}
/** As it is when it arrives: JSON has no -0. */
const sent = <Value>(value: Value): Value => JSON.parse(JSON.stringify(value)) as Value;
const BASE = { myASN: 64512, peerASN: 64513, peerAddress: "10.0.0.1", holdTime: "90s", keepaliveTime: "30s" };

describe("a BGPPeer", () => {
  it("that both versions can say changes its version alone", () => {
    expect(converted(OLDER, peer(NEWER, BASE))).toEqual(peer(OLDER, BASE));
    expect(converted(NEWER, peer(OLDER, BASE))).toEqual(peer(NEWER, BASE));
  });

  it("says in v1beta1 what v1beta1 knows, and keeps the rest in an annotation without any password", () => {
    const spec = { ...BASE, password: "hunter2", vrf: "red", connectTime: "10s" };
    const older = converted(OLDER, peer(NEWER, spec, { mine: "yes" }));
    expect(older.spec).toEqual({ ...BASE, password: "hunter2" });
    const { [KEPT_ANNOTATION]: kept = "", ...others } = older.metadata.annotations ?? {};
    expect(others).toEqual({ mine: "yes" });
    expect(JSON.parse(kept)).toEqual({ spec: { vrf: "red", connectTime: "10s" } });
  });

  it("has in v1beta1 all that v1beta1 needs", () => {
    const spec = { myASN: 64512, dynamicASN: "external", interface: "eth0" };
    expect(converted(OLDER, peer(NEWER, spec)).spec).toEqual({ myASN: 64512, peerASN: 0, peerAddress: "" });
  });

  const fields = fc.record(
    {
      myASN: fc.nat(),
      peerASN: fc.nat(),
      peerAddress: fc.constantFrom("", "10.0.0.1", "2001:db8::1"),
      sourceAddress: fc.constantFrom("", "10.0.0.1"),
      peerPort: fc.integer({ min: 1, max: 16_384 }),
      holdTime: fc.constantFrom("0s", "90s", "1m30s"),
      keepaliveTime: fc.constantFrom("0s", "30s"),
      nodeSelectors: fc.array(fc.constantFrom({}, { matchLabels: { a: "b" } })),
      password: fc.string(),
      passwordSecret: fc.record({ name: fc.string() }, { requiredKeys: [] }),
      dynamicASN: fc.constantFrom("", "internal", "external"),
      localASN: fc.nat(),
      interface: fc.string(),
      connectTime: fc.constant("10s"),
      vrf: fc.string(),
      disableMP: fc.boolean(),
      enableGracefulRestart: fc.boolean(),
      dualStackAddressFamily: fc.boolean(),
      somethingOfLater: fc.jsonValue(),
      __proto__: fc.constant(1),
    },
    { requiredKeys: [] },
  );
  const annotations = fc.option(fc.dictionary(fc.string(), fc.string(), { minKeys: 1 }), { nil: undefined });

  it("is the same again after the way to v1beta1 and back", () => {
    fc.assert(
      fc.property(fields, annotations, (spec, notes) => {
        const before = sent(peer(NEWER, spec, notes));
        expect(converted(NEWER, converted(OLDER, before))).toEqual(before);
      }),
      { numRuns: runs(500) },
    );
  });

  it("is the same again also when a client of v1beta1 fills what was absent with zeros", () => {
    fc.assert(
      fc.property(fields, (spec) => {
        const older = converted(OLDER, peer(NEWER, spec));
        const zeros = { holdTime: "0s", keepaliveTime: "0s", peerPort: 0 };
        const written = { ...older, spec: { ...zeros, ...older.spec } };
        expect(converted(NEWER, sent(written)).spec).toEqual(sent(spec));
      }),
      { numRuns: runs(200) },
    );
  });

  it("takes what a client of v1beta1 changes, and keeps what that cannot see", () => {
    const older = converted(OLDER, peer(NEWER, { ...BASE, vrf: "red" }));
    const changed = { ...older, spec: { ...older.spec, peerASN: 65000, peerPort: 1179 } };
    expect(converted(NEWER, changed).spec).toEqual({ ...BASE, vrf: "red", peerASN: 65000, peerPort: 1179 });
  });

  it.each([
    ["no time means the usual time, and not none", { myASN: 1, peerASN: 2, peerAddress: "10.0.0.1" }, {}],
    ["a time of zero that was written stays", { ...BASE, holdTime: "0s" }, { holdTime: "0s" }],
    ["a port of zero is the usual port", { ...BASE, peerPort: 0 }, { peerPort: undefined }],
    ["a key of v1beta2 counts", { ...BASE, vrf: "red" }, { vrf: "red" }],
  ])("written in v1beta1: %s", (_, spec, expected) => {
    const { spec: newer } = converted(NEWER, peer(OLDER, spec));
    expect(newer).toEqual(sent({ ...spec, ...expected }));
  });
});

it("an AddressPool changes its version alone", () => {
  const pool = {
    apiVersion: "metallb.io/v1alpha1",
    kind: "AddressPool",
    metadata: { name: "a" },
    spec: { protocol: "bgp" },
  };
  expect(convert("metallb.io/v1beta1", pool)).toEqual({
    ok: true,
    value: [{ ...pool, apiVersion: "metallb.io/v1beta1" }],
  });
});

it.each([
  ["no object", undefined, NEWER, "it is no mapping"],
  ["a kind that is not ours", { ...peer(OLDER, {}), kind: "Service" }, NEWER, "Service metallb-system/a from"],
  ["a kind by the name of a method", { ...peer(OLDER, {}), kind: "constructor" }, NEWER, "the kind is not known"],
  ["a version that is not ours", peer("metallb.io/v9", {}), NEWER, "a version is not known"],
  ["a version that is wanted and not ours", peer(OLDER, {}), "metallb.io/v9", "a version is not known"],
  ["a spec that is none", { ...peer(OLDER, {}), spec: 7 }, NEWER, "/spec is no mapping"],
  ["an annotation that was edited", peer(OLDER, BASE, { [KEPT_ANNOTATION]: "{" }), NEWER, "restore it, or remove it"],
])("fails with a message for %s", (_, object, to, message) => {
  expect(convert(to, peer(OLDER, BASE), object)).toEqual({ ok: false, fault: expect.stringContaining(message) });
});

it("parse() gives nothing for what is no JSON", () => expect(parse("{")).toBeUndefined());
