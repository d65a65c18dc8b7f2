import type { Shape } from "./schema-shape.js";

/**
 * The document in the ConfigMap's `config` key, as JSON schema. It says what is written where; what texts mean and
 * what may stand beside what is checked by the readers of peers and pools. Scalars are read by these types (a text
 * field takes `0123` and `yes` as they are written), see decodeLegacy.
 */
const UINT16_MAX = 65_535;
const UINT32_MAX = 4_294_967_295;

const asn = {
  type: "integer",
  minimum: 1,
  maximum: UINT32_MAX,
  description: "an AS number of 1 to 4294967295",
} as const;
// default: null tells the decoder that the releases told such a value apart from 0.
const milliseconds = {
  type: "integer",
  default: null,
  minimum: 10,
  maximum: 60_000,
  description: "milliseconds, 10 to 60000",
} as const;
const text = { type: "string" } as const;
const bool = { type: "boolean", description: "true or false" } as const;
const texts = { type: "array", items: text } as const;

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
} as const;

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
    "src-address": text,
    "hold-time": text,
    "keepalive-time": text,
    "router-id": text,
    "node-selectors": legacyNodeSelectorsSchema,
    password: { type: "string", writeOnly: true, description: "the password as a text" },
    "bfd-profile": text,
    "ebgp-multihop": bool,
  },
} as const;

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
} as const;

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
} as const;

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
} as const;

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
} as const;
const discoveryMappings = {
  type: "array",
  items: discoveryMapping,
  description: "a list of mappings to keys of annotations or labels",
} as const;
const asnOrNone = {
  type: "integer",
  minimum: 0,
  maximum: UINT32_MAX,
  description: "an AS number of 1 to 4294967295",
} as const;

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
} as const;

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
} as const;

/** What is left of a document when everything that does not fit the schema has been taken out. */
export type LegacyDocument = Shape<typeof legacySchema>;
export type LegacyPeerDocument = Shape<typeof peer>;
export type LegacySelectorDocument = Shape<typeof legacyNodeSelectorsSchema.items>;
export type LegacyPoolDocument = Shape<typeof pool>;
export type LegacyAdvertisementDocument = Shape<typeof bgpAdvertisement>;
export type LegacyBfdProfileDocument = Shape<typeof bfdProfile>;
export type LegacyDiscoveryDocument = Shape<typeof peerAutodiscovery>;
export type LegacyDiscoveryMapping = Shape<typeof discoveryMapping>;
