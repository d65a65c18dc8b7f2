/**
 * The document in the ConfigMap's `config` key, as JSON schema. It says what is written where; what texts mean and
 * what may stand beside what is checked by the readers of peers and pools. Scalars are read by these types (a text
 * field takes `0123` and `yes` as they are written), see decodeLegacy.
 */
const UINT16_MAX = 65_535;
const UINT32_MAX = 4_294_967_295;

const asn = { type: "integer", minimum: 1, maximum: UINT32_MAX, description: "an AS number of 1 to 4294967295" };
// default: null tells the decoder that the releases told such a value apart from 0.
const milliseconds = {
  type: "integer",
  default: null,
  minimum: 10,
  maximum: 60_000,
  description: "milliseconds, 10 to 60000",
};
const text = { type: "string" };
const bool = { type: "boolean", description: "true or false" };
const texts = { type: "array", items: text };

export const legacyNodeSelectorsSchema = {
  type: "array",
  description: "a list of selectors, each with match-labels or match-expressions",
  items: {
    type: "object",
    additionalProperties: false,
    properties: {
      "match-labels": { type: "object", additionalProperties: text, description: "a mapping of labels" },
      "match-expressions": {
        type: "array",
        items: {
          type: "object",
          additionalProperties: false,
          required: ["key", "operator"],
          properties: {
            key: { ...text, description: "the key of a label" },
            operator: {
              type: "string",
              enum: ["In", "NotIn", "Exists", "DoesNotExist"],
              description: "In, NotIn, Exists or DoesNotExist",
            },
            values: texts,
          },
        },
      },
    },
  },
};

const peer = {
  type: "object",
  additionalProperties: false,
  required: ["my-asn", "peer-asn", "peer-address"],
  properties: {
    "my-asn": asn,
    "peer-asn": asn,
    "peer-address": { type: "string", minLength: 1, description: "the address of the peer, as in 10.0.0.1" },
    "peer-port": { type: "integer", minimum: 0, maximum: UINT16_MAX, description: "a TCP port of 1 to 65535" },
    "source-address": text,
    "hold-time": text,
    "keepalive-time": text,
    "router-id": text,
    "node-selectors": legacyNodeSelectorsSchema,
    password: { type: "string", writeOnly: true, description: "the password as a text" },
    "bfd-profile": text,
    "ebgp-multihop": bool,
  },
};

// No length has a lower bound of its own: what is below the prefixes of the pool is refused for that.
const bgpAdvertisement = {
  type: "object",
  additionalProperties: false,
  properties: {
    "aggregation-length": { type: "integer", maximum: 32, default: 32, description: "a length of 0 to 32" },
    "aggregation-length-v6": { type: "integer", maximum: 128, default: 128, description: "a length of 0 to 128" },
    localpref: { type: "integer", minimum: 0, maximum: UINT32_MAX },
    communities: texts,
  },
};

const pool = {
  type: "object",
  additionalProperties: false,
  required: ["name", "protocol", "addresses"],
  properties: {
    name: { type: "string", minLength: 1, description: "a name" },
    protocol: { type: "string", enum: ["layer2", "bgp"], description: "layer2 or bgp" },
    addresses: { type: "array", minItems: 1, items: text, description: "a list of prefixes and ranges" },
    "avoid-buggy-ips": bool,
    "auto-assign": { ...bool, default: true },
    "bgp-advertisements": { type: "array", items: bgpAdvertisement },
  },
};

const bfdProfile = {
  type: "object",
  additionalProperties: false,
  required: ["name"],
  properties: {
    name: { type: "string", minLength: 1, description: "a name" },
    "receive-interval": milliseconds,
    "transmit-interval": milliseconds,
    "detect-multiplier": { type: "integer", default: null, minimum: 2, maximum: 255 },
    "echo-interval": milliseconds,
    "echo-mode": bool,
    "passive-mode": bool,
    "minimum-ttl": { type: "integer", default: null, minimum: 1, maximum: 254 },
  },
};

/** Where the parameters of a peer stand on its Node: each value is the key of an annotation or label. */
const discoveryMapping = {
  type: "object",
  description: "a mapping of my-asn, peer-asn, peer-address and so on to keys of annotations or labels",
  additionalProperties: false,
  properties: {
    "my-asn": text,
    "peer-asn": text,
    "peer-address": text,
    "peer-port": text,
    "source-address": text,
    "src-address": text,
    "hold-time": text,
    "router-id": text,
  },
};
const discoveryMappings = {
  type: "array",
  items: discoveryMapping,
  description: "a list of mappings to keys of annotations or labels",
};
const asnOrNone = { type: "integer", minimum: 0, maximum: UINT32_MAX, description: "an AS number of 1 to 4294967295" };

const peerAutodiscovery = {
  type: "object",
  description: "a mapping with from-annotations or from-labels",
  additionalProperties: false,
  properties: {
    defaults: {
      type: "object",
      description: "a mapping of what Nodes need not say",
      additionalProperties: false,
      properties: {
        "my-asn": asnOrNone,
        "peer-asn": asnOrNone,
        "peer-address": text,
        "peer-port": { type: "integer", minimum: 0, maximum: UINT16_MAX, description: "a TCP port of 1 to 65535" },
        "hold-time": text,
        "router-id": text,
      },
    },
    "node-selectors": legacyNodeSelectorsSchema,
    "from-annotations": discoveryMappings,
    "from-labels": discoveryMappings,
  },
};

export const legacySchema = {
  type: "object",
  description: "a mapping with address-pools, peers, bgp-communities and bfd-profiles",
  additionalProperties: false,
  properties: {
    peers: { type: "array", items: peer, description: "a list of peers" },
    "bgp-communities": {
      type: "object",
      additionalProperties: text,
      description: "a mapping of names to communities",
    },
    "address-pools": { type: "array", items: pool, description: "a list of pools" },
    "bfd-profiles": { type: "array", items: bfdProfile, description: "a list of BFD profiles" },
    // Written by one distribution into every ConfigMap that it makes, whatever the release.
    "peer-autodiscovery": peerAutodiscovery,
  },
};

/** What is left of a document when everything that does not fit the schema has been taken out. */
export type LegacyDocument = Readonly<{
  peers?: readonly (LegacyPeerDocument | undefined)[];
  "bgp-communities"?: Readonly<Record<string, string>>;
  "address-pools"?: readonly (LegacyPoolDocument | undefined)[];
  "bfd-profiles"?: readonly (LegacyBfdProfileDocument | undefined)[];
  "peer-autodiscovery"?: LegacyDiscoveryDocument;
}>;

export type LegacyPeerDocument = Readonly<{
  "my-asn"?: number;
  "peer-asn"?: number;
  "peer-address"?: string;
  "peer-port"?: number;
  "source-address"?: string;
  "hold-time"?: string;
  "keepalive-time"?: string;
  "router-id"?: string;
  "node-selectors"?: readonly (LegacySelectorDocument | undefined)[];
  password?: string;
  "bfd-profile"?: string;
  "ebgp-multihop"?: boolean;
}>;

export type LegacySelectorDocument = Readonly<{
  "match-labels"?: Readonly<Record<string, string>>;
  "match-expressions"?: readonly (LegacyExpressionDocument | undefined)[];
}>;
export type LegacyExpressionDocument = Readonly<{
  key?: string;
  operator?: "In" | "NotIn" | "Exists" | "DoesNotExist";
  values?: readonly (string | undefined)[];
}>;

export type LegacyPoolDocument = Readonly<{
  name?: string;
  protocol?: "layer2" | "bgp";
  addresses?: readonly (string | undefined)[];
  "avoid-buggy-ips"?: boolean;
  "auto-assign"?: boolean;
  "bgp-advertisements"?: readonly (LegacyAdvertisementDocument | undefined)[];
}>;
export type LegacyAdvertisementDocument = Readonly<{
  "aggregation-length"?: number;
  "aggregation-length-v6"?: number;
  localpref?: number;
  communities?: readonly (string | undefined)[];
}>;

export type LegacyBfdProfileDocument = Readonly<{
  name?: string;
  "receive-interval"?: number;
  "transmit-interval"?: number;
  "detect-multiplier"?: number;
  "echo-interval"?: number;
  "echo-mode"?: boolean;
  "passive-mode"?: boolean;
  "minimum-ttl"?: number;
}>;

export type LegacyDiscoveryDocument = Readonly<{
  defaults?: Readonly<{
    "my-asn"?: number;
    "peer-asn"?: number;
    "peer-address"?: string;
    "peer-port"?: number;
    "hold-time"?: string;
    "router-id"?: string;
  }>;
  "node-selectors"?: readonly (LegacySelectorDocument | undefined)[];
  "from-annotations"?: readonly (LegacyDiscoveryMapping | undefined)[];
  "from-labels"?: readonly (LegacyDiscoveryMapping | undefined)[];
}>;
export type LegacyDiscoveryMapping = Readonly<{
  "my-asn"?: string;
  "peer-asn"?: string;
  "peer-address"?: string;
  "peer-port"?: string;
  "source-address"?: string;
  "src-address"?: string;
  "hold-time"?: string;
  "router-id"?: string;
}>;
