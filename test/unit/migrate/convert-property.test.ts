import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { revealingText } from "../../../src/config/canonical.js";
import { loadConfig } from "../../../src/config/load.js";
import type { Model } from "../../../src/config/model.js";
import { readDocuments } from "../../../src/config/read-documents.js";
import { convert } from "../../../src/migrate/convert.js";
import { yamlStream } from "../../../src/migrate/manifest-text.js";
import { describeFault } from "../../../src/runtime/net/fault.js";
import { runs } from "../runs.js";

/** Any part may be missing. */
const record = <Shape extends object>(
  shape: { [Key in keyof Shape]: fc.Arbitrary<Shape[Key]> },
  requiredKeys: (keyof Shape)[],
) => fc.record(shape, { requiredKeys });

const name = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/);
const asn = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 4_294_967_295 }));
const duration = fc.oneof(
  fc.integer({ min: 3, max: 70_000 }).map((seconds) => `${seconds}s`),
  fc.constantFrom("0", "0s", "500ms", "1m30s", "3.9s", "1.5h", ""),
);
const label = fc.constantFrom("a", "b.c", "0", "yes", "");
const selector = record(
  {
    "match-labels": fc.dictionary(fc.constantFrom("rack", "kubernetes.io/hostname", "zone"), label),
    "match-expressions": fc.array(
      fc.oneof(
        fc.record({
          key: fc.constantFrom("x", "y"),
          operator: fc.constantFrom("In", "NotIn"),
          values: fc.array(label, { minLength: 1, maxLength: 3 }),
        }),
        fc.record({ key: fc.constantFrom("x", "y"), operator: fc.constantFrom("Exists", "DoesNotExist") }),
      ),
      { maxLength: 2 },
    ),
  },
  [],
);
/** Few different addresses and ports, so that many peers are nearly the same. */
const peer = record(
  {
    "my-asn": asn,
    "peer-asn": asn,
    "peer-address": fc.constantFrom("10.0.0.1", "10.0.0.2", "2001:db8::1", "2001:db8::", "::ffff:10.0.0.1"),
    "peer-port": fc.constantFrom(0, 179, 1179, 16_384),
    "source-address": fc.constantFrom("10.0.0.9", ""),
    "hold-time": duration,
    "keepalive-time": fc.constantFrom("0s", "-1s", ""),
    "router-id": fc.constantFrom("10.0.0.9", "2001:db8::9"),
    "node-selectors": fc.array(selector, { maxLength: 2 }),
    password: fc.oneof(fc.string({ unit: "grapheme" }), fc.constantFrom("0123", "yes", "~", "1:20")),
    "bfd-profile": fc.constantFrom("fast", "slow"),
    "ebgp-multihop": fc.boolean(),
  },
  ["my-asn", "peer-asn", "peer-address"],
);
const community = fc.oneof(
  fc.tuple(fc.nat(65_535), fc.nat(65_535)).map((parts) => parts.join(":")),
  fc.constantFrom("no-export", "1:2", "yes", "01:002"),
);
const advertisement = record(
  {
    "aggregation-length": fc.integer({ min: 26, max: 32 }),
    "aggregation-length-v6": fc.integer({ min: 121, max: 128 }),
    localpref: fc.constant(100),
    communities: fc.array(community, { maxLength: 3 }),
  },
  ["localpref"], // or half of them would contradict each other
);
/** The n-th pool has its addresses to itself, however it writes them. */
const addresses = (n: number) =>
  fc.uniqueArray(
    fc.constantFrom(
      `10.1.${n}.0/26`,
      `10.1.${n}.77/26`,
      `10.2.${n}.1-10.2.${n}.200`,
      `10.3.${n}.5 - 10.3.${n}.5`,
      `10.4.${n}.9-10.4.${n}.1`,
      `2001:db8:${n}::/120`,
      `2001:db8:ff:${n}::1-2001:db8:ff:${n}::ff`,
    ),
    { minLength: 1, maxLength: 5 },
  );
const pools = fc.uniqueArray(name, { maxLength: 4 }).chain((names) =>
  fc.tuple(
    ...names.map((poolName, index) =>
      fc.oneof(
        record(
          {
            name: fc.constant(poolName),
            protocol: fc.constant("layer2"),
            addresses: addresses(index),
            "auto-assign": fc.boolean(),
            "avoid-buggy-ips": fc.boolean(),
          },
          ["name", "protocol", "addresses"],
        ),
        record(
          {
            name: fc.constant(poolName),
            protocol: fc.constant("bgp"),
            addresses: addresses(index),
            "bgp-advertisements": fc.array(advertisement, { maxLength: 3 }),
          },
          ["name", "protocol", "addresses"],
        ),
      ),
    ),
  ),
);
const legacyDocument = fc.record({
  peers: fc.array(peer, { maxLength: 5 }),
  "bgp-communities": fc.constant({ "no-export": "65535:65281", "1:2": "64512:7", yes: "64512:8" }),
  "bfd-profiles": fc.constant([
    { name: "fast", "receive-interval": 100 },
    { name: "slow", "passive-mode": true },
  ]),
  "address-pools": pools,
});

const read = (text: string): Model | string[] => {
  const { documents, faults } = readDocuments(text, "f");
  expect(faults).toEqual([]);
  const loaded = loadConfig(documents, { namespace: "metallb-system", configMapName: "config" });
  return loaded.ok ? loaded.value.model : loaded.fault.map(describeFault);
};
const manifest = (config: string): string =>
  yamlStream([
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "config", namespace: "metallb-system" },
      data: { config },
    },
  ]);

describe("convert()", () => {
  it("gives resources that mean what the document means, or says why not", () => {
    let refused = 0;
    let documents = 0;
    fc.assert(
      fc.property(legacyDocument, fc.constantFrom("yaml" as const, "json" as const), (document, output) => {
        documents += 1;
        const text = manifest(yamlStream([document as never]));
        const before = read(text);
        const result = convert(text, { file: "f", output });
        if (Array.isArray(before)) {
          expect(result.ok ? [] : result.fault.map(({ problem }) => problem)).toHaveLength(before.length);
          refused += 1;
          return;
        }
        if (!result.ok) {
          const limits = /leaves the pool without any address|differs from .* of another advertisement/;
          expect(result.fault.map(({ problem }) => problem)).toEqual(
            result.fault.map(() => expect.stringMatching(limits)),
          );
          refused += 1;
          return;
        }
        expect(result.value.notices.filter((notice) => notice.class === "renamed")).toEqual([]);
        expect(revealingText(read(result.value.text))).toBe(revealingText(before));
        const again = convert(text, { file: "f", output });
        expect(again.ok && again.value.text).toBe(result.value.text);
      }),
      { numRuns: runs(100) },
    );
    expect(refused).toBeLessThan(documents * 0.8); // or the generator has come to make nothing but faults
  });

  it("gives the same model for the same peers and pools in another order", () => {
    fc.assert(
      fc.property(legacyDocument, (document) => {
        const reversed = {
          ...document,
          peers: document.peers.toReversed(),
          "address-pools": document["address-pools"].toReversed(),
        };
        const [a, b] = [
          read(manifest(yamlStream([document as never]))),
          read(manifest(yamlStream([reversed as never]))),
        ];
        if (Array.isArray(a)) expect(Array.isArray(b)).toBe(true);
        else expect(revealingText(b)).toBe(revealingText(a));
      }),
      { numRuns: runs(100) },
    );
  });

  it("never throws, whatever the text", () => {
    const words = fc.constantFrom(
      "peers",
      "address-pools",
      ":",
      ": ",
      "\n",
      "- ",
      "  ",
      "{",
      "}",
      "[",
      "]",
      ",",
      "&a",
      "*a",
      "<<",
      "!!int",
      "|",
      '"',
      "'",
      "name",
      "a",
      "apiVersion",
      "kind",
      "ConfigMap",
      "data",
      "config",
      "10.0.0.0/24",
      "#",
      "---\n",
      "\t",
      "\u0000",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(words).map((parts) => parts.join("")),
          fc.string({ unit: "binary" }),
        ),
        (text) => {
          const result = convert(text, { file: "f", output: "yaml" });
          if (!result.ok) expect(result.fault.length).toBeGreaterThan(0);
        },
      ),
      { numRuns: runs(300) },
    );
  });

  it("never throws, whatever value is where", () => {
    const value = fc.jsonValue({ maxDepth: 3 });
    const shape = fc.dictionary(
      fc.constantFrom("peers", "address-pools", "bgp-communities", "bfd-profiles", "peer-autodiscovery", "x"),
      fc.oneof(
        value,
        fc.array(
          fc.dictionary(
            fc.constantFrom(
              "name",
              "protocol",
              "addresses",
              "my-asn",
              "node-selectors",
              "bgp-advertisements",
              "password",
            ),
            value,
          ),
        ),
      ),
    );
    fc.assert(
      fc.property(shape, (document) => {
        const result = convert(JSON.stringify(document), { file: "f", output: "yaml" });
        if (!result.ok) expect(result.fault.map(describeFault)).not.toEqual([]);
      }),
      { numRuns: runs(200) },
    );
  });
});
