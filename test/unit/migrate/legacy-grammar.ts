import * as fc from "fast-check";

/** A scalar by its source text: for what a YAML writer would not write. */
export class Source {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
  toString(): string {
    return this.text; // for what fast-check prints of a counterexample
  }
}

export type LegacyValue =
  string | number | boolean | null | Source | readonly LegacyValue[] | { readonly [key: string]: LegacyValue };

/** YAML in flow style, with the scalars that have a source text as it is. */
export function flowText(value: LegacyValue): string {
  if (value instanceof Source) return value.text;
  if (Array.isArray(value)) return `[${(value as readonly LegacyValue[]).map(flowText).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([key, part]) => `${JSON.stringify(key)}: ${flowText(part)}`)
    .join(", ")}}`;
}

/** Any part may be missing but for the required ones. */
const record = <Shape extends object>(
  shape: { [Key in keyof Shape]: fc.Arbitrary<Shape[Key]> },
  requiredKeys: (keyof Shape)[],
) => fc.record(shape, { requiredKeys });
const source = (...texts: string[]) => fc.constantFrom(...texts).map((text) => new Source(text));

const truth = fc.oneof(fc.boolean(), source("yes", "no", "on", "OFF", "y", "N", "True"));
const asn = fc.oneof(
  fc.integer({ min: 1, max: 9 }),
  fc.integer({ min: 1, max: 4_294_967_295 }),
  source("0x10", "0b11", "64_512", "010", "65000.7"),
);
const duration = fc.oneof(
  fc.integer({ min: 3, max: 70_000 }).map((seconds) => `${seconds}s`),
  fc.constantFrom("0", "0s", "500ms", "1m30s", "3.9s", "1.5h", "", "+9s"),
  source("0", "~", "90s"),
);
const label = fc.oneof(fc.constantFrom("a", "b.c", "0", "yes", ""), source("0", "yes", "1.10"));
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
export const PROFILES = ["fast", "Fast", "slow one"];
/** Few different addresses and ports, so that many peers are nearly the same. */
const peer = record(
  {
    "my-asn": asn,
    "peer-asn": asn,
    "peer-address": fc.constantFrom("10.0.0.1", "10.0.0.2", "2001:db8::1", "2001:db8::", "::ffff:10.0.0.1"),
    "peer-port": fc.constantFrom(0, 179, 1179, 16_384),
    "source-address": fc.constantFrom("10.0.0.9", ""),
    "src-address": fc.constant(""),
    "hold-time": duration,
    "keepalive-time": fc.constantFrom("0s", "-1s", ""),
    "router-id": fc.constantFrom("10.0.0.9", "2001:db8::9"),
    "node-selectors": fc.array(selector, { maxLength: 2 }),
    password: fc.oneof(
      fc.string({ unit: "grapheme" }),
      source("0123", "yes", "~", "1:20", "0x1F", "1_000", "1.23456789", "null", "2001-01-01"),
    ),
    "bfd-profile": fc.constantFrom(...PROFILES),
    "ebgp-multihop": truth,
  },
  ["my-asn", "peer-asn", "peer-address"],
);
export const ALIASES = { "no-export": "65535:65281", "1:2": "64512:7", yes: "64512:8", second: "64512:8", "": "1:1" };
const community = fc.oneof(
  fc.tuple(fc.nat(65_535), fc.nat(65_535)).map((parts) => parts.join(":")),
  fc.constantFrom("no-export", "1:2", "yes", "second", "01:002", "64512:8"),
  source("64512:60", "1:20"),
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
/** Names that resources can have and names that they cannot, and some that become the same. */
const poolName = fc.oneof(
  { weight: 3, arbitrary: fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/) },
  fc.constantFrom("Office LAN", "office-lan", "office_lan", "a.b", "-", "Ä", "x".repeat(300), "__proto__"),
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }),
);
const pools = fc.uniqueArray(poolName, { maxLength: 4 }).chain((names) =>
  fc.tuple(
    ...names.map((name, index) => {
      const common = {
        name: fc.constant(name),
        addresses: addresses(index),
        "auto-assign": truth,
        "avoid-buggy-ips": truth,
      };
      const required = ["name", "protocol", "addresses"] as ("name" | "protocol" | "addresses")[];
      return fc.oneof(
        record({ ...common, protocol: fc.constant("layer2") }, required),
        record(
          {
            ...common,
            protocol: fc.constant("bgp"),
            "bgp-advertisements": fc.array(advertisement, { maxLength: 3 }),
          },
          [...required],
        ),
      );
    }),
  ),
);
const milliseconds = fc.integer({ min: 10, max: 60_000 });
const profile = (name: string) =>
  record(
    {
      name: fc.constant(name),
      "receive-interval": milliseconds,
      "transmit-interval": milliseconds,
      "detect-multiplier": fc.integer({ min: 2, max: 255 }),
      "echo-interval": milliseconds,
      "echo-mode": fc.integer({ min: 0, max: 9 }).map((one) => one === 0), // IPv6 pools refuse it
      "passive-mode": truth,
      "minimum-ttl": fc.integer({ min: 1, max: 254 }),
    },
    ["name"],
  );

/** Documents as any of the releases took them, and some that they refused: peers that are iBGP and multihop, and so on. */
const everything = {
  peers: fc.array(peer, { maxLength: 5 }),
  "bgp-communities": fc.constant(ALIASES),
  "bfd-profiles": fc.tuple(...PROFILES.map(profile)),
  "address-pools": pools,
};
const key = fc.oneof(fc.constantFrom("example.com/a", "b", "yes"), source("0", "1.10", "~"));
const mapping = fc
  .tuple(
    record({ "peer-port": key, "source-address": key, "hold-time": key, "router-id": key, "peer-asn": key }, []),
    fc.record({ "my-asn": fc.constant("c"), "peer-address": fc.constant("d") }),
    fc.boolean(),
  )
  .map(([some, needed, isOlder]): Record<string, LegacyValue> => {
    const entries = Object.entries({ ...some, ...needed } as Record<string, LegacyValue>);
    return Object.fromEntries(
      entries.map(([name, value]) => [name === "source-address" && isOlder ? "src-address" : name, value]),
    );
  });
/** In both shapes: one mapping, or a list of them. */
const mappings = fc.oneof(mapping, fc.array(mapping, { maxLength: 3 }));
const discovery = fc
  .tuple(
    fc.oneof(
      fc.record({ "from-annotations": mappings }),
      fc.record({ "from-labels": mappings }),
      fc.record({ "from-annotations": mappings, "from-labels": mappings }),
    ),
    record(
      {
        "my-asn": fc.constantFrom(0, 7),
        "peer-address": fc.constantFrom("10.0.0.1", "2001:db8::1", "router", ""),
        "peer-port": fc.constantFrom(0, 179, 65_535),
        "hold-time": duration,
        "router-id": fc.constant("10.0.0.9"),
      },
      [],
    ),
    fc.array(selector, { maxLength: 2 }),
  )
  .map(([from, defaults, selectors]) =>
    // Without an AS number most of them would miss it.
    Object.assign({ "node-selectors": selectors, defaults: Object.assign({ "peer-asn": 5 }, defaults) }, from),
  );
export const legacyDocument = fc.oneof(
  { weight: 3, arbitrary: fc.record(everything) },
  { weight: 1, arbitrary: fc.record({ ...everything, "peer-autodiscovery": discovery }) },
);
/** Documents that tell how to find peers on Nodes, and Nodes that say some, each with a host name of its own. */
export const documentAndNodes = fc.tuple(
  fc.record({ ...everything, "peer-autodiscovery": discovery }),
  fc.uniqueArray(
    fc.record({
      host: fc.constantFrom("w0", "W.0", "w-0", "n.example.com"),
      said: record(
        {
          c: fc.constantFrom("1", "65000", "x"),
          d: fc.constantFrom("10.0.0.1", "10.0.0.2,10.0.0.1", "2001:db8::1", "::ffff:10.0.0.1", "router"),
          b: fc.constantFrom("179", "1179", "16384", "9s", "10.0.0.9"),
          "example.com/a": fc.constantFrom("7", "10.0.0.9"),
          yes: fc.constantFrom("5,6", "10.0.0.9", "1179"),
          rack: fc.constantFrom("a", ""),
        },
        ["c", "d"],
      ),
    }),
    { selector: ({ host }) => host, minLength: 1, maxLength: 3 },
  ),
);

const ORDERED: ReadonlySet<string> = new Set(["addresses", "from-annotations", "from-labels"]);

/** The same in another order, wherever order means nothing. */
export function reordered(value: LegacyValue, key = ""): LegacyValue {
  if (value instanceof Source || typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    const items = (value as readonly LegacyValue[]).map((item) => reordered(item));
    return ORDERED.has(key) ? items : items.toReversed();
  }
  const entries = Object.entries(value).map(([name, part]) => [name, reordered(part, name)] as const);
  return Object.fromEntries(entries.toReversed());
}
