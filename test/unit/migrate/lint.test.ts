import { describe, expect, it } from "vitest";
import type { LintOptions, LintReport } from "../../../src/migrate/lint.js";
import { createLinter } from "../../../src/migrate/lint.js";
import { formatReport } from "../../../src/migrate/lint-output.js";
import { LINT_RULES, findingOf } from "../../../src/migrate/lint-rules.js";

type Texts = Readonly<Record<string, string>>;

function lint(texts: Texts | string, options: LintOptions = {}): LintReport {
  const linter = createLinter(options);
  for (const [file, text] of Object.entries(typeof texts === "string" ? { f: texts } : texts)) linter.add(file, text);
  return linter.report();
}

/** `file:line:column severity rule`, in the order in which they are told. */
function told(texts: Texts | string, options: LintOptions = {}): string[] {
  return lint(texts, options).findings.map(({ file, line, column, severity, rule }) => {
    const place = [file, line, column].filter((part) => part !== undefined).join(":");
    return `${place} ${severity} ${rule}`.trimStart();
  });
}

const stream = (...documents: readonly string[]): string => documents.join("\n---\n");

function resource(kind: string, name: string, spec: string, namespace = "metallb-system"): string {
  const version = kind === "BGPPeer" ? "v1beta2" : "v1beta1";
  return `apiVersion: metallb.io/${version}\nkind: ${kind}\nmetadata: {name: ${name}, namespace: ${namespace}}\nspec: ${spec}`;
}

const POOL = resource("IPAddressPool", "web", "{addresses: [10.0.0.0/24]}");
const L2 = resource("L2Advertisement", "l2", "{}");
const PEER = resource("BGPPeer", "tor", "{myASN: 64512, peerASN: 64513, peerAddress: 10.9.9.9}");
const ROUTES = resource("BGPAdvertisement", "routes", "{}");

function service(name: string, metadata: string, spec = "{type: LoadBalancer, ports: [{port: 80}]}"): string {
  return `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}, ${metadata}}\nspec: ${spec}`;
}
const annotated = (name: string, key: string, value: string): string =>
  service(name, `annotations: {${key}: ${value}}`);
const asking = (name: string, address: string, port = 80): string =>
  service(name, "", `{type: LoadBalancer, loadBalancerIP: ${address}, ports: [{port: ${port}}]}`);
const node = (name: string, rack: string): string =>
  `apiVersion: v1\nkind: Node\nmetadata: {name: ${name}, labels: {rack: ${rack}}}`;

function configMap(config: string, metadata = "name: config, namespace: metallb-system"): string {
  const lines = config.split("\n").map((line) => `    ${line}`);
  return `apiVersion: v1\nkind: ConfigMap\nmetadata: {${metadata}}\ndata:\n  config: |\n${lines.join("\n")}`;
}
const LEGACY = "address-pools:\n- name: web\n  protocol: layer2\n  addresses:\n  - 10.0.0.0/24";

type Row = Readonly<{ rule: string; name: string; texts: Texts | string; expected: readonly string[] }>;

const ROWS: readonly Row[] = [
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

describe("the rules", () => {
  it.each(ROWS)("$rule: $name", ({ texts, expected }) => {
    expect(told(texts)).toEqual(expected);
  });

  it("have each a row, but for what only files can do", () => {
    const rows = new Set(ROWS.map(({ rule }) => rule));
    expect(Object.keys(LINT_RULES).filter((rule) => !rows.has(rule))).toEqual(["unreadable"]);
  });
});

describe("what is well", () => {
  it.each<Readonly<{ name: string; texts: Texts | string }>>([
    { name: "resources", texts: stream(POOL, L2, PEER, ROUTES) },
    { name: "a ConfigMap", texts: configMap(LEGACY) },
    {
      name: "a Service that names its pool and an address of it",
      texts: stream(POOL, L2, annotated("x", "metallb.io/address-pool", "web"), asking("z", "10.0.0.9")),
    },
    {
      name: "a Service that names a pool of a ConfigMap",
      texts: { a: configMap(LEGACY), b: annotated("x", "metallb.universe.tf/address-pool", "web") },
    },
    {
      name: "Services that share an address",
      texts: stream(
        POOL,
        L2,
        service("x", "annotations: {metallb.io/allow-shared-ip: k, metallb.io/loadBalancerIPs: 10.0.0.7}"),
        service("z", "annotations: {metallb.io/allow-shared-ip: k, metallb.io/loadBalancerIPs: 10.0.0.7}").replace(
          "80",
          "81",
        ),
      ),
    },
    {
      name: "an IPv6 address that is asked for",
      texts: stream(POOL.replace("10.0.0.0/24", "'2001:db8::/64'"), L2, asking("x", '"2001:db8::7"')),
    },
    {
      name: "a Service with a status from a dump",
      texts: stream(POOL, L2, asking("x", "10.0.0.7"), "status: {loadBalancer: {ingress: [{ip: 10.0.0.7}]}}").replace(
        "\n---\nstatus",
        "\nstatus",
      ),
    },
    {
      name: "a Service of another class",
      texts: stream(
        POOL,
        L2,
        service(
          "x",
          "",
          "{type: LoadBalancer, loadBalancerClass: other/lb, loadBalancerIP: 9.9.9.9, ports: [{port: 80}]}",
        ),
      ),
    },
    {
      name: "selectors, where the input has nothing that they could match",
      texts: stream(
        POOL,
        L2.replace("{}", "{nodeSelectors: [{matchLabels: {a: b}}], serviceSelectors: [{matchLabels: {a: b}}]}"),
      ),
    },
    {
      name: "selectors that match",
      texts: stream(
        POOL,
        L2.replace("{}", "{nodeSelectors: [{matchExpressions: [{key: rack, operator: NotIn, values: [two]}]}]}"),
        node("n1", "one"),
      ),
    },
    {
      name: "two configurations in namespaces of their own",
      texts: stream(POOL, L2, POOL.replace("metallb-system", "b"), L2.replace("metallb-system", "b")),
    },
    {
      name: "values with a configuration",
      texts: { "values.yaml": `metallb:\n  configInline:\n${LEGACY.replace(/^/gm, "    ")}\n  other: 1\n` },
    },
    {
      name: "a kustomization beside resources",
      texts: {
        "kustomization.yaml":
          "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]\n# metallb",
        b: stream(POOL, L2),
      },
    },
    {
      name: "files of other programs",
      texts: {
        "package.json": '{"name": "metallb"}',
        "values.yaml": "service: {type: LoadBalancer}\nmetadata: {a: b}",
        play: "- hosts: all\n  tasks: [{name: '{{ metallb }}'}]",
        ok: stream(POOL, L2),
      },
    },
    {
      name: "an object without a name that is another program's",
      texts: stream(POOL, L2, "apiVersion: kubeadm.k8s.io/v1\nkind: ClusterConfiguration\nclusterName: metallb"),
    },
    {
      name: "a broken document of a kind that does not matter",
      texts: stream(POOL, L2, "apiVersion: apps/v1\nkind: Deployment\nmetadata: {"),
    },
    {
      name: "braces in a ConfigMap of another program",
      texts: stream(POOL, L2, 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {config: "{{ instance }}"}'),
    },
  ])("says nothing to $name", ({ texts }) => {
    expect(told(texts)).toEqual([]);
  });
});

describe("Services", () => {
  it("are not held against pools that a template hides, but against each other", () => {
    const template = `{{- if .Values.on }}\n${POOL}\n{{- end }}`;
    const wishes = stream(
      annotated("x", "metallb.io/address-pool", "hidden"),
      asking("a", "10.8.8.8"),
      asking("b", "10.8.8.8", 81),
    );
    const texts = { a: stream(POOL.replace("web", "seen"), L2), b: wishes, c: template };
    expect(told(texts)).toEqual(["b:14:44 error service-address", "c:1:1 info helm-template"]);
  });

  it("get what they ask for of a pool by name, also where pools overlap", () => {
    const metadata = "annotations: {metallb.io/address-pool: web, metallb.io/loadBalancerIPs: 10.0.0.9}";
    const texts = stream(
      POOL,
      resource("IPAddressPool", "z", "{addresses: [10.0.0.7/32]}"),
      L2,
      service("x", metadata),
    );
    expect(told(texts)).toEqual(["f:9:20 error address-overlap"]);
  });

  it("are not judged where they are of another type", () => {
    const inner = annotated("x", "metallb.io/address-pool", "wbe").replace("LoadBalancer", "ClusterIP");
    expect(told(stream(POOL, L2, inner))).toEqual([]);
  });

  it("are judged by what they ask for, whatever a dump says that they have", () => {
    const held = (name: string): string =>
      `${asking(name, "10.0.0.7")}\nstatus: {loadBalancer: {ingress: [{ip: 10.0.0.7}]}}`;
    expect(told({ a: stream(POOL, L2), b: held("x"), c: held("z") })).toEqual(["c:4:44 error service-address"]);
  });

  it("are one where two overlays describe the same", () => {
    expect(told({ a: stream(POOL, L2), b: asking("x", "10.0.0.7"), c: asking("x", "10.0.0.7") })).toEqual([]);
  });

  it("are found in lists, as a dump has them", () => {
    const object = { apiVersion: "v1", kind: "Service", metadata: { name: "x" } };
    const list = {
      apiVersion: "v1",
      kind: "List",
      items: [{ ...object, spec: { type: "LoadBalancer", loadBalancerIP: "10.1.1.1" } }],
    };
    expect(told({ a: stream(POOL, L2), b: JSON.stringify(list) })).toEqual(["b:1:150 error service-address"]);
  });

  it("are told what the pools are called, and why an address cannot be had", () => {
    const texts = stream(POOL, L2, annotated("x", "metallb.io/address-pool", "wbe"), asking("z", "10.5.5.5"));
    expect(lint(texts).findings.map(({ problem, remedy }) => [problem, remedy])).toEqual([
      ["is not the name of a pool", "name a pool that exists (the pools are web), or remove the annotation"],
      [
        'cannot be had: ["10.5.5.5"] is not allowed in config: no pool has it',
        "add it to a pool, or ask for an address of a pool",
      ],
    ]);
  });
});

it("counts lines that end in carriage return and line feed", () => {
  expect(told(stream(POOL.replace("/24", "/33"), L2).replaceAll("\n", "\r\n"))).toEqual(["f:4:20 error refused"]);
});

describe("several configurations", () => {
  it("serve a Service where one of them can", () => {
    const other = stream(
      POOL.replace("10.0", "10.5").replace("metallb-system", "b"),
      L2.replace("metallb-system", "b"),
    );
    expect(told({ a: stream(POOL, L2), b: other, c: asking("x", "10.5.0.1") })).toEqual([]);
    expect(told({ a: stream(POOL, L2), b: other, c: asking("x", "10.6.0.1") })).toEqual([
      "c:4:44 error service-address",
    ]);
  });

  it("are judged each for itself, ConfigMaps of one namespace too", () => {
    const second = configMap(LEGACY.replace("/24", "/40"), "name: second, namespace: metallb-system");
    expect(told({ a: configMap(LEGACY), b: second })).toEqual(["b:10:9 error refused"]);
  });

  it("tells what is wrong in a ConfigMap that is there twice, and knows the pools of both", () => {
    const second = configMap(LEGACY.replace("10.0.0.0/24", "10.3.0.0/24\n  - ten").replace("web", "east"));
    const service = annotated("x", "metallb.io/address-pool", "east");
    expect(told({ a: configMap(LEGACY), b: second, c: service })).toEqual([
      "b:3:18 error duplicate-object",
      "b:11:9 error refused",
    ]);
  });

  it("are one, with a namespace: what is elsewhere is told", () => {
    const elsewhere = resource("IPAddressPool", "far", "{addresses: [10.7.0.0/24]}", "b");
    expect(told(stream(POOL, L2, elsewhere), { namespace: "metallb-system" })).toEqual(["f:13:34 warning not-read"]);
  });

  it("count a document without a namespace to the only one that is named", () => {
    const home = (text: string): string => text.replace("metallb-system", "net");
    expect(told(stream(home(POOL), L2.replace(", namespace: metallb-system", "")))).toEqual([]);
  });
});

describe("Helm values", () => {
  const bad = LEGACY.replace("/24", "/40");
  it.each<Readonly<{ name: string; text: string; expected: string }>>([
    { name: "at the top", text: `x: 1\nconfigInline:\n${bad.replace(/^/gm, "  ")}\n`, expected: "f:7:7 error refused" },
    {
      name: "below metallb, after a comment",
      text: `metallb:\n  configInline:\n# note\n${bad.replace(/^/gm, "    ")}\nz: 1\n`,
      expected: "f:8:9 error refused",
    },
    {
      name: "in one line",
      text: "configInline: {address-pools: [{name: a, protocol: layer2, addresses: [10.0.0.0/40]}]}\n",
      expected: "f:1:72 error refused",
    },
    { name: "as a text", text: `configInline: |\n${bad.replace(/^/gm, "  ")}\n`, expected: "f:6:7 error refused" },
    {
      name: "in JSON",
      text: JSON.stringify({
        metallb: { configInline: { "address-pools": [{ name: "a", protocol: "layer2", addresses: ["10.0.0.0/40"] }] } },
      }),
      expected: "f:1:91 error refused",
    },
    {
      name: "in a HelmRelease",
      text: `apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: metallb}\nspec:\n  values:\n    configInline:\n${bad.replace(/^/gm, "      ")}\n`,
      expected: "f:11:11 error refused",
    },
  ])("are read $name", ({ text, expected }) => {
    expect(told(text)).toEqual([expected]);
  });

  it("are called by the key that they are under", () => {
    const { findings } = lint(`configInline:\n${bad.replace(/^/gm, "  ")}\n`);
    expect(findings.map(({ object }) => object)).toEqual(["configInline"]);
  });
});

describe("the generation", () => {
  it("refuses what the release refused", () => {
    const text = configMap(LEGACY.replace("10.0.0.0/24", "10.0.0.1-10.0.0.1"));
    expect(told(text, { generation: "v0.11" })).toEqual(["f:10:9 error refused"]);
    expect(told(text, { generation: "v0.12" })).toEqual([]);
  });
});

describe("passwords", () => {
  it("are in no output, whatever is wrong around them", () => {
    const secret = "pl4nted-s3cret";
    const texts = {
      a: PEER.replace("10.9.9.9}", `ten, password: ${secret}, passwordSecret: {name: s}}`),
      b: configMap(`peers:\n- my-asn: 1\n  peer-asn: ${secret}\n  password: ${secret}\n  password: ${secret}`),
      c: `apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: metallb-system}\nstringData: {password: ${secret}}`,
      d: `configInline:\n  peers: [{my-asn: 1, peer-asn: 2, peer-address: x, password: &p ${secret}, hold-time: *p}]\n`,
      e: `apiVersion: metallb.io/v1beta2\nkind: BGPPeer\nspec: {password: ${secret}`,
    };
    const report = lint(texts);
    expect(report.counts.error).toBeGreaterThan(3);
    for (const output of ["text", "json", "github", "sarif"] as const) {
      expect(formatReport(report, output)).not.toContain(secret);
    }
  });
});

it("tells 10,000 findings and counts all", () => {
  const linter = createLinter({});
  for (let line = 1; line <= 10_001; line += 1) {
    const fault = { object: "path", path: "", value: undefined, problem: "p", remedy: "r", file: "f", line };
    linter.note(findingOf("unreadable", fault));
  }
  const { findings, counts } = linter.report();
  expect(findings).toHaveLength(10_000);
  expect(counts).toEqual({ error: 10_001, warning: 0, info: 0 });
});
