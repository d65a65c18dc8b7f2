import type { Texts } from "./lint-manifests.js";
import {
  stream,
  resource,
  POOL,
  L2,
  PEER,
  ROUTES,
  service,
  annotated,
  asking,
  node,
  configMap,
  LEGACY,
} from "./lint-manifests.js";

const DISCOVERY =
  "address-pools:\n- name: a\n  protocol: bgp\n  addresses: [10.0.0.0/24]\npeer-autodiscovery:\n  from-annotations: [{my-asn: a, peer-asn: b, peer-address: c}]";
const said = (annotations: string): string =>
  `apiVersion: v1\nkind: Node\nmetadata: {name: w, labels: {kubernetes.io/hostname: w}, annotations: {${annotations}}}\n`;

/** One fault for a rule: `expected` is `file:line:column severity rule`, in the order in which they are told. */
type Row = Readonly<{ rule: string; name: string; texts: Texts | string; expected: readonly string[] }>;

export const ROWS: readonly Row[] = [
  {
    rule: "syntax",
    name: "a file that is no YAML, beside one that is well",
    texts: { a: stream(POOL, L2), b: "apiVersion: metallb.io/v1beta1\nkind: {", c: LEGACY.replace("24", "99") },
    expected: ["b:2:8 error syntax", "c:5:5 error refused"],
  },
  {
    rule: "syntax",
    name: "a resource without a name",
    texts: stream(POOL, L2, "apiVersion: metallb.io/v1beta1\nkind: IPAddressPool\nmetadata: {namespace: a}"),
    expected: ["f:13:11 error syntax"],
  },
  {
    rule: "syntax",
    name: "a name that YAML reads as true",
    texts: stream(POOL, L2, asking("y", "10.0.0.7")),
    expected: ["f:13:18 error syntax"],
  },
  {
    rule: "refused",
    name: "a range in a resource",
    texts: stream(POOL.replace("/24", "/33"), L2),
    expected: ["f:4:20 error refused"],
  },
  {
    rule: "refused",
    name: "a range in a ConfigMap, in its own lines",
    texts: configMap(LEGACY.replace("10.0.0.0/24", "10.0.0.300/24")),
    expected: ["f:10:9 error refused"],
  },
  {
    rule: "duplicate-object",
    name: "one name for two pools",
    texts: { a: stream(POOL, L2), b: POOL.replace("10.0", "10.1") },
    expected: ["b:3:18 error duplicate-object"],
  },
  {
    rule: "address-overlap",
    name: "a pool within another",
    texts: stream(POOL, resource("IPAddressPool", "z", "{addresses: [10.0.0.7/32]}"), L2),
    expected: ["f:9:20 error address-overlap"],
  },
  {
    rule: "community-undefined",
    name: "an alias of a resource",
    texts: stream(POOL, PEER, ROUTES.replace("{}", "{communities: [nix]}")),
    expected: ["f:14:22 error community-undefined"],
  },
  {
    rule: "community-undefined",
    name: "an alias of a ConfigMap",
    texts: configMap(
      "peers: [{my-asn: 1, peer-asn: 2, peer-address: 10.1.1.1}]\naddress-pools:\n- name: a\n  protocol: bgp\n" +
        "  addresses: [10.0.0.0/24]\n  bgp-advertisements: [{communities: [nix]}]",
    ),
    expected: ["f:11:43 error community-undefined"],
  },
  {
    rule: "bfd-profile-undefined",
    name: "a peer's profile",
    texts: stream(POOL, PEER.replace("10.9.9.9}", "10.9.9.9, bfdProfile: nix}"), ROUTES),
    expected: ["f:9:73 error bfd-profile-undefined"],
  },
  {
    rule: "bfd-profile-unused",
    name: "a profile of a resource and one of a ConfigMap",
    texts: {
      a: stream(POOL, L2, resource("BFDProfile", "slow", "{}")),
      b: configMap("bfd-profiles:\n- name: fast", "name: config, namespace: other, labels: {app: metallb}"),
    },
    expected: ["a:13:18 info bfd-profile-unused", "b:7:5 warning release-difference", "b:7:13 info bfd-profile-unused"],
  },
  {
    rule: "advertisement-namespace",
    name: "by the name of the pool",
    texts: stream(POOL, L2, resource("L2Advertisement", "stray", "{ipAddressPools: [web]}", "apps")),
    expected: ["f:14:25 error advertisement-namespace"],
  },
  {
    rule: "advertisement-namespace",
    name: "for all pools of a namespace that has none",
    texts: stream(POOL, L2, resource("BGPAdvertisement", "stray", "{}", "apps")),
    expected: ["f:13:36 error advertisement-namespace"],
  },
  {
    rule: "advertisement-namespace",
    name: "by selectors, where the namespace has no pool",
    texts: stream(
      POOL,
      L2,
      resource("L2Advertisement", "z", "{ipAddressPoolSelectors: [{matchLabels: {a: b}}]}", "apps"),
    ),
    expected: ["f:13:32 error advertisement-namespace"],
  },
  {
    rule: "service-pool-undefined",
    name: "either family of the annotation",
    texts: {
      a: stream(POOL, L2),
      b: stream(
        annotated("x", "metallb.io/address-pool", "wbe"),
        annotated("z", "metallb.universe.tf/address-pool", "wbe"),
      ),
    },
    expected: ["b:3:60 error service-pool-undefined", "b:8:69 error service-pool-undefined"],
  },
  {
    rule: "service-address",
    name: "an address outside every pool, and one that is none",
    texts: {
      a: configMap(LEGACY),
      b: stream(asking("x", "10.0.1.1"), annotated("z", "metallb.io/loadBalancerIPs", "ten")),
    },
    expected: ["b:4:44 error service-address", "b:8:63 error service-address"],
  },
  {
    rule: "service-address",
    name: "an address that another asks for, without a sharing key",
    texts: { a: stream(POOL, L2), b: asking("x", "10.0.0.7"), c: asking("z", "10.0.0.7", 81) },
    expected: ["c:4:44 error service-address"],
  },
  {
    rule: "service-address",
    name: "a conflict of Services also where the pools are refused",
    texts: { a: POOL.replace("/24", "/33"), b: asking("x", "10.0.0.7"), c: asking("z", "10.0.0.7", 81) },
    expected: ["a:3:18 warning pool-without-advertisement", "a:4:20 error refused", "c:4:44 error service-address"],
  },
  {
    rule: "service-unreadable",
    name: "a port that is none",
    texts: stream(POOL, L2, service("x", "", "{type: LoadBalancer, ports: [{port: eighty}]}")),
    expected: ["f:14:43 error service-unreadable"],
  },
  {
    rule: "pool-without-advertisement",
    name: "one pool of two",
    texts: stream(
      POOL,
      resource("IPAddressPool", "z", "{addresses: [10.1.0.0/24]}"),
      L2.replace("{}", "{ipAddressPools: [web]}"),
    ),
    expected: ["f:8:18 warning pool-without-advertisement"],
  },
  {
    rule: "pool-undefined",
    name: "a name that is misspelt",
    texts: stream(POOL, L2, ROUTES.replace("{}", "{ipAddressPools: [wbe]}"), PEER),
    expected: ["f:14:25 warning pool-undefined"],
  },
  {
    rule: "pool-selector-matches-nothing",
    name: "labels that no pool has",
    texts: stream(POOL, L2, resource("L2Advertisement", "z", "{ipAddressPoolSelectors: [{matchLabels: {a: b}}]}")),
    expected: ["f:14:32 warning pool-selector-matches-nothing"],
  },
  {
    rule: "peer-undefined",
    name: "a name that no peer has",
    texts: stream(POOL, PEER, ROUTES.replace("{}", "{peers: [tro]}")),
    expected: ["f:14:15 warning peer-undefined"],
  },
  {
    rule: "bgp-without-peer",
    name: "routes to nobody, from either source",
    texts: {
      a: stream(POOL, ROUTES),
      b: configMap(
        "address-pools:\n- name: a\n  protocol: bgp\n  addresses: [10.0.0.0/24]",
        "name: config, namespace: b",
      ),
    },
    expected: ["a:3:18 warning bgp-without-peer", "b:7:13 warning bgp-without-peer"],
  },
  {
    rule: "node-peer",
    name: "an address that is none, on a Node that peers are looked for on",
    texts: {
      a: configMap(DISCOVERY),
      b: `${said("a: '1', b: '2', c: router")}---\n${said("a: '1', b: '2', c: 10.0.0.1").replaceAll("w", "v")}`,
    },
    expected: ["b:3:91 warning node-peer"],
  },
  {
    rule: "node-without-peer",
    name: "a Node without any of the keys",
    texts: { a: configMap(DISCOVERY), b: said("z: '1'") },
    expected: ["b:3:71 info node-without-peer"],
  },
  {
    rule: "node-selector-matches-nothing",
    name: "of the Nodes that peers are looked for on",
    texts: { a: configMap(`${DISCOVERY}\n  node-selectors: [{match-labels: {r: s}}]`), b: said("z: '1'") },
    expected: ["a:12:23 info node-selector-matches-nothing"],
  },
  {
    rule: "release-difference",
    name: "a range of one address",
    texts: configMap(LEGACY.replace("10.0.0.0/24", "10.0.0.1-10.0.0.1")),
    expected: ["f:10:9 warning release-difference"],
  },
  {
    rule: "shadowed",
    name: "a pool of both sources",
    texts: { a: configMap(LEGACY), b: stream(POOL, L2) },
    expected: ["a:7:7 warning shadowed"],
  },
  {
    rule: "not-read",
    name: "a kind that is not there",
    texts: stream(POOL, L2, resource("IPPool", "z", "{}")),
    expected: ["f:12:7 warning not-read"],
  },
  {
    rule: "ignored",
    name: "a key that nothing reads",
    texts: stream(POOL.replace("{addr", "{autoassign: false, addr"), L2),
    expected: ["f:4:20 warning ignored"],
  },
  {
    rule: "conflict",
    name: "two preferences for one route",
    texts: configMap(
      "peers: [{my-asn: 1, peer-asn: 2, peer-address: 10.1.1.1}]\naddress-pools:\n- name: a\n  protocol: bgp\n" +
        "  addresses: [10.0.0.0/24]\n  bgp-advertisements: [{localpref: 1}, {localpref: 2}]",
    ),
    expected: ["f:11:56 warning conflict"],
  },
  {
    rule: "unused",
    name: "an advertisement where there are no pools at all",
    texts: L2,
    expected: ["f:3:33 warning unused"],
  },
  {
    rule: "node-selector-matches-nothing",
    name: "nodes of an advertisement, a peer and a legacy peer",
    texts: {
      a: stream(node("n1", "one"), POOL, L2.replace("{}", "{nodeSelectors: [{matchLabels: {rack: two}}]}")),
      b: PEER.replace(
        "10.9.9.9}",
        "10.9.9.9, nodeSelectors: [{matchExpressions: [{key: rack, operator: In, values: [two]}]}]}",
      ),
      c: configMap(
        "peers:\n- my-asn: 1\n  peer-asn: 2\n  peer-address: 10.2.2.2\n  node-selectors:\n  - match-labels: {rack: two}",
      ),
    },
    expected: [
      "a:13:23 info node-selector-matches-nothing",
      "b:4:76 info node-selector-matches-nothing",
      "c:11:7 info node-selector-matches-nothing",
    ],
  },
  {
    rule: "service-selector-matches-nothing",
    name: "Services of an advertisement and of a pool",
    texts: {
      a: stream(POOL.replace("{addr", "{serviceAllocation: {serviceSelectors: [{matchLabels: {a: b}}]}, addr")),
      b: stream(L2.replace("{}", "{serviceSelectors: [{matchLabels: {a: c}}]}"), service("x", "labels: {a: d}")),
    },
    expected: ["a:4:46 info service-selector-matches-nothing", "b:4:26 info service-selector-matches-nothing"],
  },
  {
    rule: "namespace-matches-nothing",
    name: "namespaces of a pool",
    texts: stream(
      POOL.replace("{addr", "{serviceAllocation: {namespaces: [a], namespaceSelectors: [{matchLabels: {a: b}}]}, addr"),
      L2,
      "apiVersion: v1\nkind: Namespace\nmetadata: {name: b}",
    ),
    expected: ["f:4:40 info namespace-matches-nothing", "f:4:65 info namespace-matches-nothing"],
  },
  {
    rule: "password-in-clear-text",
    name: "of a resource and of a ConfigMap",
    texts: {
      a: stream(POOL, ROUTES, PEER.replace("10.9.9.9}", "10.9.9.9, password: s3cr3t}")),
      b: configMap("peers:\n- my-asn: 1\n  peer-asn: 2\n  peer-address: 10.2.2.2\n  password: s3cr3t"),
    },
    expected: ["a:14:71 info password-in-clear-text", "b:10:17 info password-in-clear-text"],
  },
  {
    rule: "secret-not-here",
    name: "a Secret that is elsewhere, and one that is encrypted",
    texts: {
      a: stream(POOL, ROUTES, PEER.replace("10.9.9.9}", "10.9.9.9, passwordSecret: {name: a}}")),
      b: PEER.replace("tor", "two").replace("10.9.9.9}", "10.9.9.8, passwordSecret: {name: b}}"),
      c: "apiVersion: v1\nkind: Secret\nmetadata: {name: b, namespace: metallb-system}\ntype: ENC[x]\nsops: {version: '3'}",
    },
    expected: ["a:14:84 info secret-not-here", "b:4:84 info secret-not-here"],
  },
  {
    rule: "helm-template",
    name: "templates, with one line for all of them",
    texts: {
      "chart/templates/a.yaml": `{{- if .Values.on }}\n${POOL}\n{{- end }}`,
      "chart/templates/b.yaml": service("x", "").replace("80", '"{{ .Values.port }}"'),
      other: L2.replace("name: l2", 'name: "{{ .Release.Name }}-l2"'),
    },
    expected: ["chart/templates/a.yaml:1:1 info helm-template"],
  },
  { rule: "nothing-found", name: "an input without configuration", texts: "a: 1", expected: ["info nothing-found"] },
];
