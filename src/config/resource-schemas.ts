import type { Shape, SpecShape } from "./schema-shape.js";

/**
 * The specs of the metallb.io resources, as JSON schema: types, ranges and required fields. What texts mean and what
 * may stand beside what is checked by the reader of each kind. A key that is not here is ignored, with a notice: the
 * API server would have dropped it.
 */
const UINT32_MAX = 4_294_967_295;

const text = { type: "string" } as const;
const texts = { type: "array", items: text } as const;
const uniqueTexts = { type: "array", items: text, uniqueItems: true } as const;
const bool = { type: "boolean", description: "true or false" } as const;
const duration = { type: "string", description: "a duration as a text, as in 90s" } as const;
const asn = {
  type: "integer",
  minimum: 1,
  maximum: UINT32_MAX,
  description: "an AS number of 1 to 4294967295",
} as const;
const milliseconds = {
  type: "integer",
  minimum: 10,
  maximum: 60_000,
  description: "milliseconds, 10 to 60000",
} as const;
const community = { type: "string" } as const;
const preference = { type: "integer", minimum: 0, maximum: UINT32_MAX } as const;

const selector = {
  type: "object",
  description: "a selector with matchLabels or matchExpressions",
  additionalProperties: false,
  properties: {
    matchLabels: { type: "object", additionalProperties: text },
    matchExpressions: {
      type: "array",
      items: {
        type: "object",
        additionalProperties: false,
        required: ["key", "operator"],
        properties: {
          key: text,
          operator: { type: "string", enum: ["In", "NotIn", "Exists", "DoesNotExist"] },
          values: texts,
        },
      },
    },
  },
} as const;
const selectors = { type: "array", items: selector } as const;

function specSchema<const Properties>(properties: Properties, required: readonly string[] = []) {
  return {
    type: "object",
    required: required.length > 0 ? ["spec"] : [],
    properties: {
      spec: { type: "object", additionalProperties: false, required: [...required], properties },
    },
  };
}

export const ipAddressPoolSchema = specSchema(
  {
    addresses: { type: "array", minItems: 1, items: text, description: "a list of prefixes and ranges" },
    autoAssign: { ...bool, default: true },
    avoidBuggyIPs: { ...bool, default: false },
    serviceAllocation: {
      type: "object",
      additionalProperties: false,
      properties: {
        priority: { type: "integer", minimum: -2_147_483_648, maximum: 2_147_483_647 },
        namespaces: uniqueTexts,
        namespaceSelectors: selectors,
        serviceSelectors: selectors,
      },
    },
  },
  ["addresses"],
);

const bgpPeerProperties = {
  myASN: asn,
  peerASN: { ...asn, minimum: 0 },
  dynamicASN: { type: "string", enum: ["", "internal", "external"] },
  localASN: asn,
  peerAddress: text,
  interface: text,
  sourceAddress: text,
  peerPort: { type: "integer", minimum: 0, maximum: 16_384, default: 179, description: "a TCP port of 1 to 16384" },
  holdTime: duration,
  keepaliveTime: duration,
  connectTime: duration,
  routerID: text,
  nodeSelectors: selectors,
  password: { type: "string", writeOnly: true, description: "the password as a text" },
  passwordSecret: {
    type: "object",
    additionalProperties: false,
    properties: { name: text, namespace: text },
  },
  bfdProfile: text,
  enableGracefulRestart: bool,
  ebgpMultiHop: bool,
  vrf: text,
  disableMP: bool,
  dualStackAddressFamily: bool,
} as const;

export const bgpPeerSchema = specSchema(bgpPeerProperties, ["myASN"]);

/**
 * The older version: more is required. What only the newer one had may stand here too, so that an object written in
 * one version and read in the other loses nothing.
 */
export const bgpPeerV1Beta1Schema = specSchema(bgpPeerProperties, ["myASN", "peerASN", "peerAddress"]);

export const bgpAdvertisementSchema = specSchema({
  aggregationLength: { type: "integer", minimum: 1, maximum: 32, default: 32 },
  aggregationLengthV6: { type: "integer", minimum: 0, maximum: 128, default: 128 },
  localPref: preference,
  asPathPrepend: { type: "integer", minimum: 1, maximum: 10 },
  communities: { type: "array", items: community, uniqueItems: true },
  ipAddressPools: uniqueTexts,
  ipAddressPoolSelectors: selectors,
  nodeSelectors: selectors,
  peers: uniqueTexts,
  serviceSelectors: selectors,
  serviceRequests: {
    type: "object",
    additionalProperties: false,
    properties: {
      communities: { type: "array", items: community, uniqueItems: true },
      minLocalPref: preference,
      maxLocalPref: preference,
    },
  },
});

export const l2AdvertisementSchema = specSchema({
  ipAddressPools: uniqueTexts,
  ipAddressPoolSelectors: selectors,
  nodeSelectors: selectors,
  interfaces: texts,
  serviceSelectors: selectors,
  preferredNodeSelectors: {
    type: "array",
    items: {
      type: "object",
      additionalProperties: false,
      required: ["weight", "preference"],
      properties: { weight: { type: "integer", minimum: 1, maximum: 100 }, preference: selector },
    },
  },
});

export const communitySchema = specSchema({
  communities: {
    type: "array",
    items: { type: "object", additionalProperties: false, properties: { name: text, value: community } },
  },
});

export const bfdProfileSchema = specSchema({
  receiveInterval: milliseconds,
  transmitInterval: milliseconds,
  detectMultiplier: { type: "integer", minimum: 2, maximum: 255 },
  echoInterval: milliseconds,
  echoMode: bool,
  passiveMode: bool,
  minimumTtl: { type: "integer", minimum: 1, maximum: 254 },
});

/** What is left of a spec when everything that does not fit its schema has been taken out. */
export type SelectorSpec = Shape<typeof selector>;
export type IpAddressPoolSpec = SpecShape<typeof ipAddressPoolSchema>;
export type BgpPeerSpec = SpecShape<typeof bgpPeerSchema>;
export type BgpAdvertisementSpec = SpecShape<typeof bgpAdvertisementSchema>;
export type L2AdvertisementSpec = SpecShape<typeof l2AdvertisementSchema>;
export type CommunitySpec = SpecShape<typeof communitySchema>;
export type BfdProfileSpec = SpecShape<typeof bfdProfileSchema>;
