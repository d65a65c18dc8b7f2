import { describe, expect, it } from "vitest";
import type { LintOptions, LintReport } from "../../../src/migrate/lint.js";
import { createLinter } from "../../../src/migrate/lint.js";
import { formatReport } from "../../../src/migrate/lint-output.js";
import { LINT_RULES, findingOf } from "../../../src/migrate/lint-rules.js";
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
import { ROWS } from "./lint-rows.js";

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

  it.each([
    ["peers alone", "peers:\n- {my-asn: 1, peer-asn: 2, peer-address: x}\n", ["f:2:42 error refused"]],
    ["a misspelt key beside peers", "address-pool: []\npeers: [{my-asn: 1}]\n", ["f:1:1 error refused"]],
    ["BFD profiles", "bfd-profiles: [{name: ''}]\n", ["f:1:15 warning release-difference"]],
    ["peers of something else", "peers:\n- {id: 1}\n", ["info nothing-found"]],
  ])("are read by themselves: %s", (_, text, expected) => {
    expect(told(text).slice(0, 1)).toEqual(expected);
  });

  it("are called by the key that they are under", () => {
    const { findings } = lint(`configInline:\n${bad.replace(/^/gm, "  ")}\n`);
    expect(findings.map(({ object }) => object)).toEqual(["configInline"]);
    const peer = "peers: [{my-asn: 1, peer-asn: 2, peer-address: 10.0.0.1, password: p}]";
    const links = lint({ values: `configInline:\n  ${peer}\n`, bare: `${peer}\naddress-pools: []\n` }).findings;
    expect(links.map(({ file, object, rule }) => [file, object, rule])).toEqual([
      ["bare", "configuration", "password-in-clear-text"],
      ["values", "configInline", "password-in-clear-text"],
    ]);
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

it("joins resources with the ConfigMap that a controller or speaker is started with", () => {
  const other = "address-pools: [{name: other, protocol: layer2, addresses: [10.0.0.128-10.0.1.9]}]"; // half in POOL
  const configMaps = stream(configMap("peers: []"), configMap(other, "name: mine, namespace: metallb-system"));
  const speaker = (args: string): string =>
    "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: speaker, namespace: metallb-system}\n" +
    `spec: {template: {spec: {containers: [{image: quay.io/metallb/speaker, args: [${args}]}]}}}`;
  expect(told({ a: stream(POOL, L2), b: configMaps, c: speaker("--config=mine") })).toEqual([
    "b:13:65 error address-overlap",
  ]);
  expect(told({ a: stream(POOL, L2), b: configMaps, c: speaker("--port=7472") })).toEqual([]);
});
