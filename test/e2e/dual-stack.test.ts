import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { dump } from "js-yaml";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createLab, repositoryRoot, until, type Lab, type LabProcess, type LanHost } from "../lab/index.js";

// The program as it is shipped, on a folder of manifests: a Service of both families, seen from another machine.

const ADDRESSES = ["10.77.200.40", "fd77::2:40"];
const SMELTER = join(repositoryRoot(), "bin/smelter");

const WORLD = [
  ...["n1", "n2"].map((name) => ({
    apiVersion: "v1",
    kind: "Node",
    metadata: { name },
    status: { conditions: [{ type: "Ready", status: "True" }] },
  })),
  {
    apiVersion: "metallb.io/v1beta1",
    kind: "IPAddressPool",
    metadata: { name: "both", namespace: "metallb-system" },
    spec: { addresses: ADDRESSES.map((address) => `${address}-${address}`) },
  },
  {
    apiVersion: "metallb.io/v1beta1",
    kind: "L2Advertisement",
    metadata: { name: "both", namespace: "metallb-system" },
    spec: {},
  },
  {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web", namespace: "default" },
    spec: {
      type: "LoadBalancer",
      ipFamilyPolicy: "RequireDualStack",
      ipFamilies: ["IPv4", "IPv6"],
      clusterIP: "10.96.0.10",
      clusterIPs: ["10.96.0.10", "fd96::10"],
      ports: [{ port: 80, protocol: "TCP" }],
    },
  },
  {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: "web-1", namespace: "default", labels: { "kubernetes.io/service-name": "web" } },
    addressType: "IPv4",
    endpoints: [{ addresses: ["10.244.11.2"], nodeName: "n1", conditions: { ready: true } }],
    ports: [{ port: 8080 }],
  },
];

let lab: Lab;
let speakers: ReadonlyMap<string, LabProcess>;
beforeAll(async () => {
  lab = await createLab({ nodes: 2 });
  const world = join(lab.folder, "world");
  await mkdir(world);
  const text = WORLD.map((document) => dump(document)).join("---\n");
  await writeFile(join(world, "world.yaml"), text);
  lab.controlPlane.spawn([SMELTER, "run", "--from", world], { name: "smelter run" });
  const privileges = { uid: 0, capabilities: ["net_raw"] } as const;
  speakers = new Map(
    lab.nodes.map((node) => [
      node.name,
      node.spawn([SMELTER, "run", "--from", world, "--node", node.name], {
        name: `speaker of ${node.name}`,
        privileges,
      }),
    ]),
  );
});
afterAll(() => lab?.close());

/** The node whose hardware address the client is told for an address, if any. */
async function owner(address: string): Promise<LanHost | undefined> {
  const { client, nodes } = lab;
  const asked = address.includes(":")
    ? await client.attempt(["ndisc6", "-1", "-m", "-r", "1", "-w", "500", address, "eth0"])
    : await client.attempt(["arping", "-f", "-c", "1", "-w", "1", "-I", "eth0", address]);
  return nodes.find(({ mac }) => asked.stdout.toLowerCase().includes(mac));
}

const owners = async (): Promise<(string | undefined)[]> => {
  const found: (string | undefined)[] = [];
  for (const address of ADDRESSES) found.push((await owner(address))?.name);
  return found;
};

it("one node answers for both addresses of a Service, and the other when it is gone", async () => {
  const both = (name: string | undefined) => async (): Promise<string | undefined> => {
    const [ipv4, ipv6] = await owners();
    return ipv4 === ipv6 && ipv4 !== name ? ipv4 : undefined;
  };
  const first = await until(both(undefined), { what: "one node to answer for both addresses", deadlineMs: 60_000 });
  await speakers.get(first)?.kill();
  const second = await until(both(first), { what: "the other node to answer for both", deadlineMs: 60_000 });
  expect([first, second].toSorted()).toEqual(["n1", "n2"]);
});
