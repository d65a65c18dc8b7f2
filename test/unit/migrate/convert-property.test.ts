import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { revealingText } from "../../../src/config/canonical.js";
import { loadConfig } from "../../../src/config/load.js";
import type { Model } from "../../../src/config/model.js";
import { readDocuments } from "../../../src/config/read-documents.js";
import { renamed } from "../../../src/migrate/compare-models.js";
import { configMapToCrs } from "../../../src/migrate/configmaptocrs.js";
import type { Conversion, ConvertOptions } from "../../../src/migrate/convert.js";
import { convert } from "../../../src/migrate/convert.js";
import { configMapText, yamlStream } from "../../../src/migrate/manifest-text.js";
import { revert } from "../../../src/migrate/revert.js";
import { describeFault } from "../../../src/runtime/net/fault.js";
import { runs } from "../runs.js";
import type { LegacyValue } from "./legacy-grammar.js";
import { flowText, legacyDocument, reordered } from "./legacy-grammar.js";

/** In `make soak` four times as many as its factor asks for: 10,000 documents where there are 50 else. */
const rounds = (count: number): number => (runs(1) > 1 ? runs(4 * count) : count);

const read = (text: string): Model | string[] => {
  const { documents, faults } = readDocuments(text, "f");
  expect(faults).toEqual([]);
  const loaded = loadConfig(documents, { namespace: "metallb-system", configMapName: "config" });
  return loaded.ok ? loaded.value.model : loaded.fault.map(describeFault);
};
const model = (text: string): Model => {
  const found = read(text);
  if (Array.isArray(found)) throw new Error(found.join("\n"));
  return found;
};
const manifest = (config: string): string => configMapText("config", "metallb-system", `${config}\n`);
const written = (document: object): string => flowText(document as LegacyValue);

/** New names by old ones, as the notices tell them. */
const renamesIn = ({ notices }: Conversion) => {
  const of = (list: string) =>
    new Map(
      notices.flatMap(({ class: noticeClass, path, value, problem }) => {
        const [, after = ""] = /becomes (\S+)$/.exec(problem) ?? [];
        return noticeClass === "renamed" && path.startsWith(list) ? [[String(value), after] as const] : [];
      }),
    );
  return { pools: of("/address-pools/"), bfdProfiles: of("/bfd-profiles/") };
};
/** What no resource can say, and is refused with a remedy. */
const LIMITS = /leaves (?:the pool|pool .*) without any address|differs from .* of another advertisement|has echo mode/;

const options = fc.record({
  output: fc.constantFrom("yaml" as const, "json" as const),
  inlinePasswords: fc.boolean(),
  keepAutodiscovery: fc.constant(true),
});

describe("convert()", () => {
  it("gives resources that mean what the document means, and revert() gives it back, or both say why not", () => {
    let refused = 0;
    let documents = 0;
    fc.assert(
      fc.property(legacyDocument, options, (document, chosen) => {
        documents += 1;
        const text = manifest(written(document));
        const before = read(text);
        const result = convert(text, { file: "f", ...chosen });
        if (Array.isArray(before)) {
          expect(result.ok ? [] : result.fault.map(({ problem }) => problem)).toHaveLength(before.length);
          refused += 1;
          return;
        }
        if (!result.ok) {
          for (const { problem } of result.fault) expect(problem).toMatch(LIMITS);
          refused += 1;
          return;
        }
        const after = model(result.value.text);
        const expected = renamed(before, renamesIn(result.value));
        expect(revealingText(after)).toBe(revealingText(expected));
        const back = revert(result.value.text, { file: "f", output: chosen.output });
        if (!back.ok) {
          expect(result.value.documents).toEqual([]); // nothing at all is no resource
          return;
        }
        expect(revealingText(model(back.value.text))).toBe(revealingText(expected));
      }),
      { numRuns: rounds(50) },
    );
    expect(refused).toBeLessThan(documents * 0.8); // or the generator has come to make nothing but faults
  });

  it("gives the same octets for the same document in another order and another notation", () => {
    fc.assert(
      fc.property(legacyDocument, options, (document, chosen) => {
        const convertOf = (text: string) => convert(text, { file: "f", ...chosen } satisfies ConvertOptions);
        const first = convertOf(manifest(written(document)));
        const second = convertOf(written(reordered(document as unknown as LegacyValue) as object));
        expect(second.ok).toBe(first.ok);
        if (first.ok && second.ok) expect(second.value.text).toBe(first.value.text);
      }),
      { numRuns: rounds(20) },
    );
  });

  it("takes what it made itself and what revert() made of it for the same", () => {
    fc.assert(
      fc.property(legacyDocument, (document) => {
        const first = convert(written(document), { file: "f", output: "yaml", keepAutodiscovery: true });
        const back = first.ok ? revert(first.value.text, { file: "f", output: "yaml" }) : first;
        if (!first.ok || !back.ok) return;
        const second = convert(back.value.text, { file: "f", output: "yaml", keepAutodiscovery: true });
        expect(second.ok && second.value.text).toBe(first.value.text);
      }),
      { numRuns: rounds(20) },
    );
  });
});

const neverThrows = (text: string): void => {
  const results = [
    convert(text, { file: "f", output: "yaml", keepAutodiscovery: true }),
    convert(text, { file: "f", output: "yaml", nodes: { text, file: "f" } }),
    revert(text, { file: "f", output: "table" }),
    configMapToCrs(text, { file: "f", onlyData: true }),
    configMapToCrs(text, { file: "f", onlyData: false }),
  ];
  for (const result of results) {
    if (!result.ok) expect(result.fault.map(describeFault)).not.toEqual([]);
  }
};

describe("convert(), revert() and configMapToCrs()", () => {
  it("never throw, whatever the text", () => {
    const words = fc.constantFrom(
      ..."peers address-pools : [ ] { } , - &a *a << !!int | \" ' name a apiVersion kind ConfigMap data config".split(
        " ",
      ),
      "10.0.0.0/24",
      ": ",
      "\n",
      "- ",
      "  ",
      "#",
      "---\n",
      "\t",
      "\u0000",
      "metallb.io/v1beta1",
      "AddressPool",
    );
    const texts = fc.oneof(
      fc.array(words).map((parts) => parts.join("")),
      fc.string({ unit: "binary" }),
    );
    fc.assert(fc.property(texts, neverThrows), { numRuns: rounds(60) });
  });

  it("never throw, whatever value is where", () => {
    const value = fc.jsonValue({ maxDepth: 3 });
    const keys = fc.constantFrom(
      ..."name protocol addresses my-asn node-selectors bgp-advertisements password".split(" "),
    );
    const shape = fc.dictionary(
      fc.constantFrom("peers", "address-pools", "bgp-communities", "bfd-profiles", "peer-autodiscovery", "x"),
      fc.oneof(value, fc.array(fc.dictionary(keys, value))),
    );
    fc.assert(
      fc.property(shape, (document) => neverThrows(JSON.stringify(document))),
      { numRuns: rounds(20) },
    );
  });

  it("never throw, whatever stands in a resource", () => {
    const value = fc.jsonValue({ maxDepth: 3 });
    const fields = fc.constantFrom(
      ..."addresses protocol bgpAdvertisements passwordSecret password communities ipAddressPools myASN peers".split(
        " ",
      ),
    );
    const resource = fc.record({
      apiVersion: fc.constantFrom("metallb.io/v1beta1", "metallb.io/v1beta2", "metallb.io/v1alpha1", "v1"),
      kind: fc.constantFrom("AddressPool", "IPAddressPool", "BGPPeer", "BGPAdvertisement", "Community", "Secret"),
      metadata: fc.record({ name: fc.constantFrom("a", "b"), namespace: fc.constantFrom("x", "y") }),
      spec: fc.oneof(value, fc.dictionary(fields, value)),
      data: value,
    });
    fc.assert(
      fc.property(fc.array(resource, { maxLength: 4 }), (items) =>
        neverThrows(JSON.stringify({ apiVersion: "v1", kind: "List", items })),
      ),
      { numRuns: rounds(20) },
    );
  });

  it("never throw, wherever a resource that was made is cut or changed", () => {
    fc.assert(
      fc.property(legacyDocument, fc.nat(), fc.nat(20), fc.string({ maxLength: 4 }), (document, at, length, other) => {
        const result = convert(written(document), { file: "f", output: "yaml" });
        const text = result.ok ? result.value.text : yamlStream([{ kind: "x" }]);
        const start = at % (text.length + 1);
        neverThrows(text.slice(0, start) + other + text.slice(start + length));
      }),
      { numRuns: rounds(20) },
    );
  });
});
