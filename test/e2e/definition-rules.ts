/** What the API server refuses by the definitions of manifests/crds, and the reader with it; for crds.test.ts. */

/** A selector with one expression. */
export const expression = (operator: string, ...values: string[]) => ({
  nodeSelectors: [{ matchExpressions: [{ key: "a.example/b", operator, ...(values.length > 0 && { values }) }] }],
});

/** What is refused, what is taken in its place, and what the server says. */
export const DEFINITION_RULES: readonly [rule: string, kind: string, good: object, bad: object, message: RegExp][] = [
  ["keys are known", "IPAddressPool", { autoAssign: true }, { autoasign: true }, /unknown field "spec.autoasign"/],
  ["addresses are there", "IPAddressPool", {}, { addresses: [] }, /should have at least 1 items/],
  ["an address has a length", "IPAddressPool", { addresses: ["10.0.0.7/24"] }, { addresses: ["10.0.0.1"] }, /cidr/],
  ["octets are such", "IPAddressPool", { addresses: ["::/0"] }, { addresses: ["10.0.0.300/24"] }, /cidr/],
  [
    "octets of ranges too",
    "IPAddressPool",
    { addresses: ["10.0.0.9 - 10.0.0.10"] },
    { addresses: ["10.0.0.9-10.0.0.300"] },
    /addresses\[0\]/,
  ],
  [
    "a range goes up",
    "IPAddressPool",
    { addresses: ["10.0.0.9-10.0.0.9", "2001:db8::1-2001:db8::2", "9.0.0.0-10.0.0.0"] },
    { addresses: ["10.0.0.0-9.0.0.0"] },
    /it ends before it begins: write the lower address first/,
  ],
  [
    "priority is a number",
    "IPAddressPool",
    alloc({ priority: -1 }),
    alloc({ priority: "1" }),
    /must be of type integer/,
  ],
  [
    "namespaces once",
    "IPAddressPool",
    alloc({ namespaces: ["a", "b"] }),
    alloc({ namespaces: ["a", "a"] }),
    /Duplicate/,
  ],

  ["peers have myASN", "BGPPeer", { myASN: 4_294_967_295 }, { myASN: undefined }, /myASN: Required/],
  ["an AS is not 0", "BGPPeer", { myASN: 1 }, { myASN: 0 }, /myASN.*greater than or equal to 1/],
  ["an AS has 32 bits", "BGPPeer", {}, { peerASN: 4_294_967_296 }, /peerASN.*less than or equal to 4294967295/],
  [
    "one of peerASN and dynamicASN",
    "BGPPeer",
    { peerASN: undefined, dynamicASN: "internal" },
    { peerASN: undefined },
    /write one of peerASN and dynamicASN/,
  ],
  ["not both", "BGPPeer", { dynamicASN: "" }, { dynamicASN: "external" }, /write one of peerASN and dynamicASN/],
  ["dynamicASN is known", "BGPPeer", {}, { dynamicASN: "any", peerASN: 0 }, /Unsupported value: "any"/],
  ["localASN is not 0", "BGPPeer", { localASN: 1 }, { localASN: 0 }, /localASN.*greater than or equal to 1/],
  [
    "one of peerAddress and interface",
    "BGPPeer",
    { peerAddress: "", interface: "eth0" },
    { peerAddress: "" },
    /write one of peerAddress and interface/,
  ],
  ["not both of those", "BGPPeer", {}, { interface: "eth0" }, /write one of peerAddress and interface/],
  ["peerAddress", "BGPPeer", { peerAddress: "2001:db8::1" }, { peerAddress: "a.example" }, /spec.peerAddress/],
  ["sourceAddress", "BGPPeer", { sourceAddress: "10.0.0.2" }, { sourceAddress: "10.0.0.2/24" }, /spec.sourceAddress/],
  ["routerID", "BGPPeer", { routerID: "10.0.0.2" }, { routerID: "2" }, /spec.routerID/],
  ["peerPort", "BGPPeer", { peerPort: 16_384 }, { peerPort: 16_385 }, /less than or equal to 16384/],
  ["holdTime of 3 s", "BGPPeer", { holdTime: "3s" }, { holdTime: "2.9s" }, /write 0s, or a duration of 3s and more/],
  ["holdTime of 0", "BGPPeer", { holdTime: "0s" }, { holdTime: "-3s" }, /write 0s, or a duration of 3s and more/],
  ["holdTime has a unit", "BGPPeer", { holdTime: "1h1m1.5s" }, { holdTime: "90" }, /spec.holdTime/],
  [
    "keepaliveTime within holdTime",
    "BGPPeer",
    { holdTime: "9s", keepaliveTime: "9s" },
    { holdTime: "9s", keepaliveTime: "9.5s" },
    /keepaliveTime is longer than holdTime/,
  ],
  [
    "keepaliveTime alone",
    "BGPPeer",
    { keepaliveTime: "1s" },
    { keepaliveTime: "500ms" },
    /keepaliveTime makes a hold time that is neither 0 nor at least 3 seconds/,
  ],
  ["connectTime whole", "BGPPeer", { connectTime: "65535s" }, { connectTime: "1.0005s" }, /write whole seconds/],
  ["connectTime not 0", "BGPPeer", { connectTime: "1000ms" }, { connectTime: "0s" }, /write whole seconds/],
  ["connectTime bounded", "BGPPeer", { connectTime: "1m" }, { connectTime: "65536s" }, /write whole seconds/],
  [
    "ebgpMultiHop",
    "BGPPeer",
    { ebgpMultiHop: true },
    { ebgpMultiHop: true, peerASN: 64_512 },
    /ebgpMultiHop is for peers of another AS/,
  ],
  [
    "one password",
    "BGPPeer",
    { password: "x", passwordSecret: {} },
    { password: "x", passwordSecret: { name: "s" } },
    /password is given beside passwordSecret/,
  ],
  ["In has values", "BGPPeer", expression("In", "b"), expression("In"), /matchExpressions\[0\].values/],
  ["Exists has none", "BGPPeer", expression("Exists"), expression("Exists", "b"), /matchExpressions\[0\]/],
  ["operators", "BGPPeer", expression("NotIn", "b"), expression("Gt", "1"), /Unsupported value: "Gt"/],
  ["values are such", "BGPPeer", expression("In", ""), expression("In", "b c"), /values\[0\]/],
  ["values once", "BGPPeer", expression("In", "b", "c"), expression("In", "b", "b"), /Duplicate/],
  [
    "labels",
    "BGPPeer",
    { nodeSelectors: [{ matchLabels: { a: "" } }] },
    { nodeSelectors: [{ matchLabels: { a: "-" } }] },
    /matchLabels.a/,
  ],
  ["v1beta1: peerAddress", "BGPPeer/v1beta1", {}, { peerAddress: undefined, interface: "a" }, /peerAddress: Required/],
  ["v1beta1: peerASN", "BGPPeer/v1beta1", { peerPort: 0 }, { peerASN: 0 }, /write one of peerASN and dynamicASN/],
  ["v1beta1: keys are known", "BGPPeer/v1beta1", { vrf: "red" }, { bfd: "fast" }, /unknown field "spec.bfd"/],
  ["v1beta1: holdTime", "BGPPeer/v1beta1", { holdTime: "0s" }, { holdTime: "1s" }, /write 0s, or a duration/],

  ["aggregates", "BGPAdvertisement", { aggregationLength: 1 }, { aggregationLength: 0 }, /greater than or equal to 1/],
  ["aggregates of IPv6", "BGPAdvertisement", {}, { aggregationLengthV6: 129 }, /less than or equal to 128/],
  ["localPref", "BGPAdvertisement", { localPref: 4_294_967_295 }, { localPref: -1 }, /greater than or equal to 0/],
  [
    "no aggregates of selected Services",
    "BGPAdvertisement",
    { serviceSelectors: [{}], aggregationLength: 32, aggregationLengthV6: 128 },
    { serviceSelectors: [{}], aggregationLengthV6: 64 },
    /aggregates cannot be made of selected Services/,
  ],
  ["communities", "BGPAdvertisement", said("65535:065535", "an-alias"), said("70000:1"), /two numbers of 0 to 65535/],
  ["large ones", "BGPAdvertisement", said("large:4294967295:0:1"), said("large:1:2:4294967296"), /large: and three/],
  ["communities of two parts", "BGPAdvertisement", said("1:2"), said("1:2:3"), /two numbers of 0 to 65535/],
  ["communities once", "BGPAdvertisement", said("1:2", "1:3"), said("1:2", "1:2"), /Duplicate/],
  ["prepending", "BGPAdvertisement", { asPathPrepend: 10 }, { asPathPrepend: 11 }, /less than or equal to 10/],
  ["requests", "BGPAdvertisement", asked("64512:*", "large:1:*:*", "an-alias"), asked("64512:x"), /should match/],
  ["requests once", "BGPAdvertisement", asked("1:1", "1:*"), asked("1:*", "1:*"), /Duplicate/],
  [
    "preferences to ask for",
    "BGPAdvertisement",
    { serviceRequests: { minLocalPref: 5, maxLocalPref: 5 } },
    { serviceRequests: { minLocalPref: 5 } },
    /needs a maxLocalPref that is not below it/,
  ],
  [
    "no requests of aggregates",
    "BGPAdvertisement",
    { serviceRequests: {}, aggregationLength: 32 },
    { serviceRequests: {}, aggregationLength: 24 },
    /no Service may ask anything of an aggregate/,
  ],
  ["peers once", "BGPAdvertisement", { peers: ["p", "q"] }, { peers: ["p", "p"] }, /Duplicate/],
  ["pools once", "L2Advertisement", { ipAddressPools: ["a"] }, { ipAddressPools: ["a", "a"] }, /Duplicate/],
  ["interfaces are texts", "L2Advertisement", { interfaces: ["eth0", "eth0"] }, { interfaces: [0] }, /type string/],
  ["weights", "L2Advertisement", preferring(100, 100), preferring(101), /less than or equal to 100/],
  ["weights are needed", "L2Advertisement", preferring(1), preferring(undefined), /weight: Required/],

  ["aliases once", "Community", aliases(["x", "1:1"], ["y", "1:1"]), aliases(["x", "1:1"], ["x", "1:2"]), /Duplicate/],
  [
    "aliases have values",
    "Community",
    aliases(["x", "large:1:2:3"]),
    { communities: [{ name: "x" }] },
    /value: Required/,
  ],
  ["values are communities", "Community", aliases(["x", "1:65535"]), aliases(["x", "1:65536"]), /two numbers of 0 to/],
  ["no alias of an alias", "Community", aliases(["x", "0:0"]), aliases(["x", "y"]), /two numbers of 0 to/],

  ["BFD intervals", "BFDProfile", { receiveInterval: 10 }, { echoInterval: 9 }, /greater than or equal to 10/],
  ["BFD multipliers", "BFDProfile", { detectMultiplier: 2 }, { detectMultiplier: 256 }, /less than or equal to 255/],
  ["BFD hops", "BFDProfile", { minimumTtl: 254 }, { minimumTtl: 255 }, /less than or equal to 254/],
];

function alloc(serviceAllocation: object): object {
  return { serviceAllocation };
}
function said(...communities: string[]): object {
  return { communities };
}
function asked(...communities: string[]): object {
  return { serviceRequests: { communities } };
}
function preferring(...weights: (number | undefined)[]): object {
  return { preferredNodeSelectors: weights.map((weight) => ({ weight, preference: {} })) };
}
export function aliases(...pairs: [name: string, value: string][]): object {
  return { communities: pairs.map(([name, value]) => ({ name, value })) };
}
