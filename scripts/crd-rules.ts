// What definitions say beyond the JSON schemas of src/config: rules that the readers keep in code, said again for the
// API server. Only what servers since Kubernetes 1.25 know is used: the libraries for addresses came later, so those
// are checked by format and pattern. Keys: the kind and the path within the spec; `*` is any kind.
import type { Schema } from "./resource-kinds.js";

type Validation = Readonly<{ rule: string; message: string }>;
const rules = (...validations: Validation[]): Schema => ({ "x-kubernetes-validations": validations });

const OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
const IPV4 = `${OCTET}(\\.${OCTET}){3}`;
const IPV6 = "[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*"; // what is wrong within is found by the reader
const ADDRESS = `(${IPV4}|${IPV6})`;
const LABEL_NAME = "[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?";
const LABEL_VALUE: Schema = { pattern: `^(${LABEL_NAME})?$` };

const ipAddress: Schema = { anyOf: [{ format: "ipv4" }, { format: "ipv6" }, { maxLength: 0 }] };

/** Bounds for what a rule in CEL walks through: the server wants to know beforehand what it costs at most. */
const MAX_ADDRESSES = 4_096;
const MAX_COMMUNITIES = 1_000;
const MAX_ALIASES = 2_048;

/** An IPv4 end of a range as a number. Written out: the server counts what a loop costs by the longest list there could be. */
const valueOf = (end: 0 | 1): string =>
  [16_777_216, 65_536, 256, 1]
    .map((weight, octet) => `int(self.split('-')[${end}].trim().split('.')[${octet}]) * ${weight}`)
    .join(" + ");

const poolAddress: Schema = {
  maxLength: 96,
  anyOf: [{ format: "cidr" }, { pattern: `^\\s*${ADDRESS}\\s*-\\s*${ADDRESS}\\s*$` }],
  ...rules({
    rule:
      "!self.matches('^ *[0-9]{1,3}([.][0-9]{1,3}){3} *- *[0-9]{1,3}([.][0-9]{1,3}){3} *$') || " +
      `${valueOf(0)} <= ${valueOf(1)}`,
    message: "it ends before it begins: write the lower address first",
  }),
};

const isCommunity =
  "self.matches('^0*[0-9]{1,5}:0*[0-9]{1,5}$') && self.split(':').all(part, int(part) <= 65535) || " +
  "self.matches('^large(:0*[0-9]{1,10}){3}$') && self.substring(6).split(':').all(part, int(part) <= 4294967295)";
const COMMUNITIES = "two numbers of 0 to 65535, as in 64512:1, or large: and three numbers, as in large:64512:1:2";
const communityOrAlias: Schema = {
  maxLength: 128,
  ...rules({ rule: `!self.contains(':') || ${isCommunity}`, message: `write ${COMMUNITIES}, or an alias` }),
};

/** Whether the numbers are in range is left to the reader. */
const communityPatternOrAlias: Schema = {
  maxLength: 128,
  pattern: "^([^:]*|(0*[0-9]{1,5}|\\*):(0*[0-9]{1,5}|\\*)|large(:(0*[0-9]{1,10}|\\*)){3})$",
};
const NO_AGGREGATES =
  "(!has(self.aggregationLength) || self.aggregationLength == 32) && " +
  "(!has(self.aggregationLengthV6) || self.aggregationLengthV6 == 128)";

/** A pattern, since a duration that is none is an error in CEL rather than false. */
const duration: Schema = {
  pattern: "^[-+]?(0|(([0-9]+([.][0-9]*)?|[.][0-9]+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h))+)$",
  maxLength: 64,
};
const HOLD_TIME = "write 0s, or a duration of 3s and more with its unit, as in 90s";
const keepsUp = (seconds: string) => `${seconds} == 0 || ${seconds} >= 3`;
const peerTimers: readonly Validation[] = [
  {
    rule: "!has(self.keepaliveTime) || !has(self.holdTime) || duration(self.keepaliveTime) <= duration(self.holdTime)",
    message: "keepaliveTime is longer than holdTime: write at most a third of it",
  },
  {
    rule: `!has(self.keepaliveTime) || has(self.holdTime) || ${[
      "(duration(self.keepaliveTime) + duration(self.keepaliveTime) + duration(self.keepaliveTime)).getSeconds()",
    ]
      .map((seconds) => `(${keepsUp(seconds)})`)
      .join("")}`,
    message: "keepaliveTime makes a hold time that is neither 0 nor at least 3 seconds: write holdTime too",
  },
];
const multiHop: Validation = {
  rule: "!has(self.ebgpMultiHop) || !self.ebgpMultiHop || !has(self.peerASN) || self.peerASN != self.myASN",
  message: "ebgpMultiHop is for peers of another AS, and this one is of the same: remove it",
};
const oneOf = (a: string, aIsSet: string, b: string, bIsSet: string): Validation => ({
  rule: `(has(self.${a}) && ${aIsSet}) != (has(self.${b}) && ${bIsSet})`,
  message: `write one of ${a} and ${b}`,
});

const selector: Schema = { "x-kubernetes-map-type": "atomic" };
const set: Schema = { "x-kubernetes-list-type": "set" };

export const CRD_RULES: Readonly<Record<string, Schema>> = {
  "IPAddressPool.addresses": { maxItems: MAX_ADDRESSES },
  "IPAddressPool.addresses[]": poolAddress,
  "AddressPool.addresses": { maxItems: MAX_ADDRESSES },
  "AddressPool.addresses[]": poolAddress,
  AddressPool: rules({
    rule: "self.protocol != 'layer2' || !has(self.bgpAdvertisements) || self.bgpAdvertisements.size() == 0",
    message: "bgpAdvertisements are for pools of protocol bgp: remove them, or write protocol: bgp",
  }),

  BGPPeer: rules(
    oneOf("peerASN", "self.peerASN != 0", "dynamicASN", "self.dynamicASN != ''"),
    oneOf("peerAddress", "self.peerAddress != ''", "interface", "self.interface != ''"),
    multiHop,
    ...peerTimers,
    {
      rule:
        "!has(self.password) || self.password == '' || !has(self.passwordSecret) || " +
        "!has(self.passwordSecret.name) || self.passwordSecret.name == ''",
      message: "password is given beside passwordSecret: remove one of the two",
    },
  ),
  "BGPPeer.peerAddress": ipAddress,
  "BGPPeer.sourceAddress": ipAddress,
  "BGPPeer.routerID": ipAddress,
  "BGPPeer.holdTime": {
    ...duration,
    ...rules({ rule: keepsUp("duration(self).getSeconds()"), message: HOLD_TIME }),
  },
  "BGPPeer.keepaliveTime": duration,
  "BGPPeer.connectTime": {
    ...duration,
    ...rules({
      rule:
        "duration(self) >= duration('1s') && duration(self) <= duration('65535s') && " +
        "timestamp(0) + duration(self) == timestamp(duration(self).getSeconds())",
      message: "write whole seconds from 1s to 65535s, as in 10s",
    }),
  },

  BGPAdvertisement: rules(
    {
      rule: `!has(self.serviceSelectors) || self.serviceSelectors.size() == 0 || ${NO_AGGREGATES}`,
      message: "aggregates cannot be made of selected Services: remove the aggregation lengths or the serviceSelectors",
    },
    {
      rule: `!has(self.serviceRequests) || ${NO_AGGREGATES}`,
      message: "no Service may ask anything of an aggregate: remove the aggregation lengths or the serviceRequests",
    },
  ),
  "BGPAdvertisement.communities": { maxItems: MAX_COMMUNITIES },
  "BGPAdvertisement.communities[]": communityOrAlias,
  "BGPAdvertisement.serviceRequests": rules({
    rule: "!has(self.minLocalPref) || has(self.maxLocalPref) && self.minLocalPref <= self.maxLocalPref",
    message: "minLocalPref needs a maxLocalPref that is not below it",
  }),
  "BGPAdvertisement.serviceRequests.communities": { maxItems: MAX_COMMUNITIES },
  "BGPAdvertisement.serviceRequests.communities[]": communityPatternOrAlias,

  // An alias is there once; the server counts by the key of the list.
  "Community.communities": {
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["name"],
    maxItems: MAX_ALIASES,
  },
  "Community.communities[].name": { default: "" },
  "Community.communities[]": { required: ["value"] },
  "Community.communities[].value": { maxLength: 64, ...rules({ rule: isCommunity, message: `write ${COMMUNITIES}` }) },

  // Selectors: nothing in CEL, whose cost would need a bound on how many there may be, so that repeats and the keys of
  // matchLabels are left to the reader. Lists of them are no sets, since server-side apply knows sets of scalars only.
  "*.nodeSelectors[]": selector,
  "*.ipAddressPoolSelectors[]": selector,
  "*.serviceSelectors[]": selector,
  "*.namespaceSelectors[]": selector,
  "*.preference": selector,
  "*.matchLabels{}": LABEL_VALUE,
  "*.matchExpressions[]": {
    anyOf: [
      { properties: { operator: { enum: ["In", "NotIn"] }, values: { minItems: 1 } }, required: ["values"] },
      { properties: { operator: { enum: ["Exists", "DoesNotExist"] }, values: { maxItems: 0 } } },
    ],
  },
  "*.matchExpressions[].key": {
    pattern: `^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?${LABEL_NAME}$`,
  },
  "*.matchExpressions[].values": set,
  "*.matchExpressions[].values[]": LABEL_VALUE,
};
