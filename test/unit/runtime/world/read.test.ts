import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { describeFault } from "../../../../src/runtime/net/fault.js";
import {
  readEndpointSlice,
  readNamespace,
  readNode,
  readPod,
  readService,
  withDefaultClusterIPs,
} from "../../../../src/runtime/world/read.js";
import { runs } from "../../runs.js";

const service = (spec: object, rest: object = {}) => ({ kind: "Service", metadata: { name: "web" }, spec, ...rest });
const viewOf = (object: unknown) => {
  const result = readService(object);
  if (!result.ok) throw new Error(describeFault(result.fault));
  return result.value;
};

describe("readService()", () => {
  it("gives a manifest without status and defaults the API's defaults", () =>
    expect(readService(service({ ports: [{ port: 80 }] }))).toEqual({
      ok: true,
      value: {
        namespace: "default",
        name: "web",
        uid: "",
        resourceVersion: "",
        type: "ClusterIP",
        loadBalancerIP: "",
        labels: {},
        annotations: {},
        ports: [{ protocol: "TCP", port: 80 }],
        selector: {},
        externalTrafficPolicy: "Cluster",
        clusterIPs: [],
        ipFamilies: [],
        ipFamilyPolicy: "SingleStack",
        ingress: [],
      },
    }));

  it("reads what the API hands out", () =>
    expect(
      viewOf({
        metadata: {
          namespace: "shop",
          name: "web",
          uid: "5f1c",
          resourceVersion: "1234",
          labels: { tier: "front" },
          annotations: {
            "kubectl.kubernetes.io/last-applied-configuration": "{…}",
            "metallb.universe.tf/address-pool": "old",
            "metallb.io/address-pool": "",
          },
        },
        spec: {
          type: "LoadBalancer",
          loadBalancerClass: "example.com/lb",
          loadBalancerIP: "192.0.2.7",
          ports: [
            { name: "dns", port: 53, protocol: "UDP" },
            { name: "signal", port: 5000, protocol: "SCTP" },
          ],
          selector: { app: "web" },
          externalTrafficPolicy: "Local",
          clusterIP: "10.0.0.7",
          clusterIPs: ["10.0.0.7", "fd00::7"],
          ipFamilies: ["IPv4", "IPv6"],
          ipFamilyPolicy: "PreferDualStack",
        },
        status: {
          loadBalancer: {
            ingress: [
              { ip: "192.0.2.7", ipMode: "VIP" },
              { hostname: "lb.example.com", ipMode: "Proxy" },
            ],
          },
        },
      }),
    ).toEqual({
      namespace: "shop",
      name: "web",
      uid: "5f1c",
      resourceVersion: "1234",
      type: "LoadBalancer",
      loadBalancerClass: "example.com/lb",
      loadBalancerIP: "192.0.2.7",
      labels: { tier: "front" },
      annotations: { "metallb.universe.tf/address-pool": "old", "metallb.io/address-pool": "" },
      ports: [
        { protocol: "UDP", port: 53 },
        { protocol: "SCTP", port: 5000 },
      ],
      selector: { app: "web" },
      externalTrafficPolicy: "Local",
      clusterIPs: ["10.0.0.7", "fd00::7"],
      ipFamilies: ["IPv4", "IPv6"],
      ipFamilyPolicy: "PreferDualStack",
      ingress: [{ ip: "192.0.2.7" }, { hostname: "lb.example.com", ipMode: "Proxy" }],
    }));

  it.each([
    {
      name: "the single field alone, of clusters before dual stack",
      spec: { clusterIP: "10.0.0.7" },
      ips: ["10.0.0.7"],
    },
    { name: "a headless Service", spec: { clusterIP: "None", clusterIPs: ["None"] }, ips: ["None"] },
    { name: "empty texts", spec: { clusterIP: "", clusterIPs: [""] }, ips: [] },
    { name: "null for absent", spec: { clusterIP: null, clusterIPs: null }, ips: [] },
  ])("takes clusterIPs from $name", ({ spec, ips }) => expect(viewOf(service(spec)).clusterIPs).toEqual(ips));

  it("takes two families without a policy for RequireDualStack, as the API server does", () =>
    expect(viewOf(service({ ipFamilies: ["IPv4", "IPv6"] })).ipFamilyPolicy).toBe("RequireDualStack"));

  it("keeps a label with a key that means something to JavaScript", () => {
    const { labels } = viewOf(JSON.parse('{"metadata":{"name":"web","labels":{"__proto__":"x"}}}'));
    expect(Object.entries(labels)).toEqual([["__proto__", "x"]]);
  });

  it.each([
    {
      name: "a port as text",
      object: service({ ports: [{ port: 80 }, { port: "80" }] }),
      text: 'Cannot use Service default/web: /spec/ports/1/port is "80", which is not the number of a port: write a whole number from 1 to 65535, without quotes',
    },
    {
      name: "a port out of range",
      object: service({ ports: [{ port: 65536 }] }),
      text: "Cannot use Service default/web: /spec/ports/0/port is 65536, which is not the number of a port: write a whole number from 1 to 65535, without quotes",
    },
    {
      name: "an unknown protocol",
      object: service({ ports: [{ port: 80, protocol: "tcp" }] }),
      text: 'Cannot use Service default/web: /spec/ports/0/protocol is "tcp", which is not a value of this field: write TCP or UDP or SCTP',
    },
    {
      name: "an unknown family",
      object: service({ ipFamilies: ["IPv5"] }),
      text: 'Cannot use Service default/web: /spec/ipFamilies/0 is "IPv5", which is not a value of this field: write IPv4 or IPv6',
    },
    {
      name: "a label that is a number",
      object: { metadata: { namespace: "shop", name: "web", labels: { "example.com/tier": 1 } } },
      text: "Cannot use Service shop/web: /metadata/labels/example.com~1tier is 1, which is not a string: put it in quotes",
    },
    {
      name: "a status of the wrong shape",
      object: { metadata: { name: "web" }, status: { loadBalancer: { ingress: { ip: "192.0.2.1" } } } },
      text: 'Cannot use Service default/web: /status/loadBalancer/ingress is {"ip":"192.0.2.1"}, which is not a list: write its elements after a dash each',
    },
    {
      name: "another kind",
      object: { kind: "Node", metadata: { name: "n1" } },
      text: 'Cannot use Service default/n1: /kind is "Node", which is not Service: give an object of kind Service',
    },
    {
      name: "no name",
      object: { metadata: {} },
      text: "Cannot use Service without a name: /metadata/name is absent, which names nothing: write the object's name",
    },
    {
      name: "no object",
      object: "Service",
      text: "Cannot use Service without a name: it is not a mapping: write fields with values under it",
    },
  ])("refuses $name", ({ object, text }) => {
    const result = readService(object);
    expect(result.ok ? "accepted" : describeFault(result.fault)).toBe(text);
  });
});

describe("withDefaultClusterIPs()", () => {
  it.each([
    { spec: {}, ips: ["0.0.0.0"], families: ["IPv4"] },
    { spec: { ipFamilies: ["IPv6"] }, ips: ["::"], families: ["IPv6"] },
    { spec: { ipFamilyPolicy: "PreferDualStack" }, ips: ["0.0.0.0", "::"], families: ["IPv4", "IPv6"] },
    {
      spec: { ipFamilyPolicy: "RequireDualStack", ipFamilies: ["IPv6"] },
      ips: ["::", "0.0.0.0"],
      families: ["IPv6", "IPv4"],
    },
    { spec: { clusterIP: "10.0.0.7", ipFamilies: ["IPv4"] }, ips: ["10.0.0.7"], families: ["IPv4"] },
    { spec: { type: "ExternalName" }, ips: [], families: [] },
  ])("makes of $spec the families $families", ({ spec, ips, families }) =>
    expect(withDefaultClusterIPs(viewOf(service(spec)))).toMatchObject({ clusterIPs: ips, ipFamilies: families }),
  );

  it("takes the family of the cluster where the Service names none", () =>
    expect(withDefaultClusterIPs(viewOf(service({})), ["IPv6"]).clusterIPs).toEqual(["::"]));
});

describe("readNode()", () => {
  it("reads labels, annotations, addresses and the two conditions", () =>
    expect(
      readNode({
        kind: "Node",
        metadata: { name: "n1", labels: { rack: "a" }, annotations: { "example.com/note": "kept" } },
        status: {
          addresses: [
            { type: "Hostname", address: "n1" },
            { type: "InternalIP", address: "10.1.0.1" },
            { type: "InternalIP", address: "fd00::1" },
            { type: "ExternalIP", address: "203.0.113.1" },
          ],
          conditions: [
            { type: "NetworkUnavailable", status: "True" },
            { type: "Ready", status: "True" },
          ],
        },
      }),
    ).toEqual({
      ok: true,
      value: {
        name: "n1",
        labels: { rack: "a" },
        annotations: { "example.com/note": "kept" },
        internalIPs: ["10.1.0.1", "fd00::1"],
        externalIPs: ["203.0.113.1"],
        ready: true,
        networkUnavailable: true,
      },
    }));

  it.each(["False", "Unknown"])("takes a condition of status %s for not true", (status) =>
    expect(readNode({ metadata: { name: "n1" }, status: { conditions: [{ type: "Ready", status }] } })).toMatchObject({
      value: { ready: false, networkUnavailable: false },
    }),
  );

  it("names a Node without a namespace", () =>
    expect(readNode({ metadata: { name: "n1" }, status: [] })).toMatchObject({
      fault: { object: "Node n1", path: "/status" },
    }));
});

describe("readEndpointSlice()", () => {
  it("leaves absent conditions absent", () =>
    expect(
      readEndpointSlice({
        metadata: { namespace: "shop", name: "web-x1", labels: { "kubernetes.io/service-name": "web" } },
        endpoints: [
          { addresses: ["10.2.0.1"], conditions: { ready: true, serving: true, terminating: false }, nodeName: "n1" },
          { addresses: ["10.2.0.2", "10.2.0.3"] },
          { addresses: [], conditions: { ready: null, serving: false }, topology: { "kubernetes.io/hostname": "n2" } },
        ],
      }),
    ).toEqual({
      ok: true,
      value: {
        namespace: "shop",
        name: "web-x1",
        service: "web",
        endpoints: [
          { addresses: ["10.2.0.1"], nodeName: "n1", ready: true, serving: true, terminating: false },
          { addresses: ["10.2.0.2", "10.2.0.3"] },
          { addresses: [], nodeName: "n2", serving: false },
        ],
      },
    }));

  it("reads a slice without endpoints and without a Service", () =>
    expect(readEndpointSlice({ metadata: { name: "web-x1" }, endpoints: null })).toMatchObject({
      value: { service: "", endpoints: [] },
    }));

  it("refuses a condition as text", () =>
    expect(
      readEndpointSlice({ metadata: { name: "s" }, endpoints: [{ addresses: [], conditions: { ready: "true" } }] }),
    ).toMatchObject({ fault: { path: "/endpoints/0/conditions/ready", value: "true" } }));
});

describe("readPod() and readNamespace()", () => {
  it.each([
    { name: "ready", metadata: {}, status: "True", ready: true },
    { name: "not ready", metadata: {}, status: "False", ready: false },
    { name: "being deleted", metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" }, status: "True", ready: false },
  ])("reads a Pod that is $name", ({ metadata, status, ready }) =>
    expect(
      readPod({
        metadata: { namespace: "lb", name: "speaker-1", uid: "u", labels: { component: "speaker" }, ...metadata },
        spec: { nodeName: "n1" },
        status: { phase: "Running", podIP: "10.1.0.1", conditions: [{ type: "Ready", status }] },
      }),
    ).toEqual({
      ok: true,
      value: {
        namespace: "lb",
        name: "speaker-1",
        uid: "u",
        labels: { component: "speaker" },
        nodeName: "n1",
        podIP: "10.1.0.1",
        phase: "Running",
        ready,
        containers: [],
      },
    }),
  );

  it("reads what tells the program of a container, and no secret", () => {
    const container = {
      name: "speaker",
      image: "quay.io/metallb/speaker:v0.11.0",
      command: ["/speaker"],
      args: [
        "--ml-secret-key=hush",
        "--ml-secret-key",
        "hush",
        "-ml-secret-key",
        "hush",
        "--ml-secret-key-path=/etc/k",
      ],
      env: [{ name: "METALLB_ML_SECRET_KEY", value: "hush" }],
    };
    expect(readPod({ metadata: { name: "speaker-1" }, spec: { containers: [container] } })).toMatchObject({
      value: {
        containers: [
          {
            name: "speaker",
            image: "quay.io/metallb/speaker:v0.11.0",
            arguments: [
              "/speaker",
              "--ml-secret-key",
              "--ml-secret-key",
              "",
              "--ml-secret-key",
              "",
              "--ml-secret-key-path=/etc/k",
            ],
            environment: ["METALLB_ML_SECRET_KEY"],
          },
        ],
      },
    });
  });

  it("keeps a Pod small, whatever is written into it", () => {
    const container = {
      name: "c",
      image: "i".repeat(1000),
      args: Array.from({ length: 200 }, () => "a".repeat(1000)),
      env: Array.from({ length: 200 }, (_, index) => ({ name: `V${index}` })),
    };
    const read = readPod({
      metadata: { name: "p" },
      spec: { containers: Array.from({ length: 50 }, () => container) },
    });
    const containers = read.ok ? read.value.containers : [];
    expect(containers).toHaveLength(16);
    expect(containers[0]).toMatchObject({ image: "i".repeat(256) });
    expect(containers[0]?.arguments).toEqual(Array.from({ length: 64 }, () => "a".repeat(256)));
    expect(containers[0]?.environment).toHaveLength(64);
  });

  it("reads a Namespace", () =>
    expect(readNamespace({ metadata: { name: "shop", labels: { team: "a" } } })).toEqual({
      ok: true,
      value: { name: "shop", labels: { team: "a" } },
    }));
});

it("no input makes a reader throw", () => {
  // Shaped inputs with anything at the leaves: the readers reach them, which fc.anything() alone hardly ever does.
  const anything = fc.anything({ withNullPrototype: true });
  const shaped = fc.record(
    {
      kind: fc.constantFrom("Service", undefined),
      metadata: fc.oneof(anything, fc.record({ name: fc.string(), labels: anything, annotations: anything })),
      spec: fc.oneof(anything, fc.record({ ports: fc.array(anything), clusterIPs: anything, ipFamilies: anything })),
      status: fc.oneof(anything, fc.record({ conditions: fc.array(anything), addresses: fc.array(anything) })),
      endpoints: fc.array(anything),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.oneof(anything, shaped), (object) => {
      for (const read of [readService, readNode, readEndpointSlice, readNamespace, readPod]) {
        const result = read(object);
        if (!result.ok) describeFault(result.fault);
      }
    }),
    { numRuns: runs(300) },
  );
});
