// The custom resource definitions: names, versions, columns and statuses. Specs come from src/config.
import { addressPoolSchema } from "../src/config/address-pool-schema.js";
import {
  bfdProfileSchema,
  bgpAdvertisementSchema,
  bgpPeerSchema,
  bgpPeerV1Beta1Schema,
  communitySchema,
  ipAddressPoolSchema,
  l2AdvertisementSchema,
} from "../src/config/resource-schemas.js";

export type Schema = Readonly<Record<string, unknown>>;
export type Column = Readonly<{ name: string; type: string; jsonPath: string; priority?: number }>;
export type Version = Readonly<{
  name: string;
  /** Of the object without its status; undefined for what has no spec. */
  schema?: Schema;
  /** The version that objects are stored in; exactly one. */
  storage: boolean;
  /** Shown by kubectl to whoever uses this version. */
  deprecationWarning?: string;
}>;
export type Kind = Readonly<{
  kind: string;
  plural: string;
  /** One line on what it is for. */
  summary: string;
  versions: readonly Version[];
  columns: readonly Column[];
  /** Schema of the status; a status without fields where it is left out. */
  status?: Schema;
}>;

const column = (path: string) => (name: string, type: string, field: string, priority?: number) => ({
  name,
  type,
  jsonPath: `.${path}.${field}`,
  ...(priority === undefined ? {} : { priority }),
});
const spec = column("spec");
const status = column("status");
const only = (schema: Schema): readonly Version[] => [{ name: "v1beta1", schema, storage: true }];
const without = (name: string, others: Partial<Version> = {}): Version => ({ name, storage: true, ...others });

const ADVERTISED = [
  spec("IPAddressPools", "string", "ipAddressPools"),
  spec("IPAddressPool Selectors", "string", "ipAddressPoolSelectors"),
];
const GONE = "convert it with smelter migrate convert into an IPAddressPool and its advertisements";

const text = { type: "string" };
const count = (description: string): Schema => ({ type: "integer", format: "int64", description });
const onceWritten = (description: string): Schema => ({
  ...text,
  description,
  "x-kubernetes-validations": [{ rule: "self == oldSelf", message: "it cannot be changed" }],
});
const ofService = {
  node: onceWritten("Name of the node."),
  serviceName: onceWritten("Name of the Service."),
  serviceNamespace: onceWritten("Namespace of the Service."),
};
const SERVICE_COLUMNS = [
  status("Service Name", "string", "serviceName"),
  status("Service Namespace", "string", "serviceNamespace"),
];

/** Those that configure first, in the order in which they are read about. */
export const KINDS: readonly Kind[] = [
  {
    kind: "IPAddressPool",
    plural: "ipaddresspools",
    summary: "Addresses that Services get.",
    versions: only(ipAddressPoolSchema),
    columns: [
      spec("Auto Assign", "boolean", "autoAssign"),
      spec("Avoid Buggy IPs", "boolean", "avoidBuggyIPs"),
      spec("Addresses", "string", "addresses"),
    ],
    status: {
      type: "object",
      description: "How many addresses are in use and free.",
      required: ["assignedIPv4", "assignedIPv6", "availableIPv4", "availableIPv6"],
      properties: {
        assignedIPv4: count("IPv4 addresses in use."),
        assignedIPv6: count("IPv6 addresses in use."),
        availableIPv4: count("IPv4 addresses that are free."),
        availableIPv6: count("IPv6 addresses that are free."),
      },
    },
  },
  {
    kind: "L2Advertisement",
    plural: "l2advertisements",
    summary: "Announces the addresses of pools on the local network, by ARP and NDP.",
    versions: only(l2AdvertisementSchema),
    columns: [
      ...ADVERTISED,
      spec("Interfaces", "string", "interfaces"),
      spec("Node Selectors", "string", "nodeSelectors", 10),
    ],
  },
  {
    kind: "BGPAdvertisement",
    plural: "bgpadvertisements",
    summary: "Announces the addresses of pools to BGP peers.",
    versions: only(bgpAdvertisementSchema),
    columns: [...ADVERTISED, spec("Peers", "string", "peers"), spec("Node Selectors", "string", "nodeSelectors", 10)],
  },
  {
    kind: "BGPPeer",
    plural: "bgppeers",
    summary: "A BGP session that nodes keep with a router.",
    versions: [
      {
        name: "v1beta1",
        schema: bgpPeerV1Beta1Schema,
        storage: false,
        deprecationWarning: "metallb.io/v1beta1 BGPPeer is an older version: write metallb.io/v1beta2",
      },
      { name: "v1beta2", schema: bgpPeerSchema, storage: true },
    ],
    columns: [
      spec("Address", "string", "peerAddress"),
      spec("ASN", "string", "peerASN"),
      spec("BFD Profile", "string", "bfdProfile"),
      spec("Multi Hops", "string", "ebgpMultiHop"),
    ],
  },
  {
    kind: "Community",
    plural: "communities",
    summary: "Names for BGP communities. All objects of this kind share one namespace of names.",
    versions: only(communitySchema),
    columns: [],
  },
  {
    kind: "BFDProfile",
    plural: "bfdprofiles",
    summary: "How fast a lost path to a peer is noticed.",
    versions: only(bfdProfileSchema),
    columns: [
      spec("Passive Mode", "boolean", "passiveMode"),
      spec("Transmit Interval", "integer", "transmitInterval"),
      spec("Receive Interval", "integer", "receiveInterval"),
      spec("Multiplier", "integer", "detectMultiplier"),
    ],
  },
  {
    kind: "AddressPool",
    plural: "addresspools",
    summary: "Pool and advertisement in one, as v0.13 had it. It is read to be converted, and not served from.",
    versions: [
      {
        name: "v1alpha1",
        schema: addressPoolSchema,
        storage: false,
        deprecationWarning: `metallb.io/v1alpha1 AddressPool does nothing: ${GONE}`,
      },
      {
        name: "v1beta1",
        schema: addressPoolSchema,
        storage: true,
        deprecationWarning: `metallb.io/v1beta1 AddressPool does nothing: ${GONE}`,
      },
    ],
    columns: [],
  },
  {
    kind: "ServiceL2Status",
    plural: "servicel2statuses",
    summary: "Which node answers for the addresses of a Service. Written by speakers.",
    versions: [without("v1beta1")],
    columns: [status("Allocated Node", "string", "node"), ...SERVICE_COLUMNS],
    status: {
      type: "object",
      properties: {
        ...ofService,
        interfaces: {
          type: "array",
          description: "Where it is answered; absent: on all interfaces.",
          items: { type: "object", properties: { name: { ...text, description: "Name of the interface." } } },
        },
      },
    },
  },
  {
    kind: "ServiceBGPStatus",
    plural: "servicebgpstatuses",
    summary: "To which peers a node sends the addresses of a Service. Written by speakers.",
    versions: [without("v1beta1")],
    columns: [status("Node", "string", "node"), ...SERVICE_COLUMNS],
    status: {
      type: "object",
      properties: {
        ...ofService,
        peers: { type: "array", description: "Names of the BGPPeers, sorted.", items: text },
      },
    },
  },
  {
    kind: "ConfigurationState",
    plural: "configurationstates",
    summary: "What a component thinks of the configuration. Written by the components.",
    versions: [without("v1beta1")],
    columns: [
      status("Result", "string", "result"),
      status("ErrorSummary", "string", "errorSummary"),
      { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
    ],
    status: {
      type: "object",
      properties: {
        result: { ...text, enum: ["Valid", "Invalid", "Unknown"], description: "The sum of the conditions." },
        errorSummary: { ...text, description: "What is wrong, one message a line." },
        conditions: {
          type: "array",
          "x-kubernetes-list-type": "map",
          "x-kubernetes-list-map-keys": ["type"],
          items: {
            type: "object",
            required: ["type", "status", "lastTransitionTime", "reason", "message"],
            properties: {
              type: { ...text, maxLength: 316 },
              status: { ...text, enum: ["True", "False", "Unknown"] },
              observedGeneration: { type: "integer", format: "int64", minimum: 0 },
              lastTransitionTime: { ...text, format: "date-time" },
              reason: { ...text, minLength: 1, maxLength: 1024 },
              message: { ...text, maxLength: 32_768 },
            },
          },
        },
      },
    },
  },
];
