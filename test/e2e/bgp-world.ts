/** Manifests for speakers that speak BGP, and the speaker on them. */
import { cp, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Lab, LabProcess, LanHost } from "../lab/index.js";
import { SMELTER } from "./smelter.js";

export type BgpWorld = Readonly<{
  /** In one step, as editors and kubectl do it: a file that is half written is another configuration. */
  change: (file: string, text: string) => Promise<void>;
  startSpeaker: (host: LanHost, flags?: readonly string[]) => LabProcess;
  /** Ends all that was started. */
  end: () => Promise<void>;
}>;

/** A folder of manifests, by file, and the controller that allocates in it. */
export async function beginWorld(
  lab: Lab,
  name: string,
  manifests: Readonly<Record<string, string>>,
): Promise<BgpWorld> {
  const folder = join(lab.folder, name);
  await mkdir(folder, { recursive: true });
  const running: LabProcess[] = []; // BOUNDED by the test
  const change = async (file: string, text: string): Promise<void> => {
    await writeFile(join(folder, `.${file}.new`), text);
    await cp(join(folder, `.${file}.new`), join(folder, `${file}.yaml`));
  };
  for (const [file, text] of Object.entries(manifests)) await change(file, text);
  const controller = lab.controlPlane.spawn([SMELTER, "run", "--from", folder], { name: "controller" });
  running.push(controller);
  await controller.waitForOutput(/ipAllocated|assigned/);
  return {
    change,
    startSpeaker(host, flags = []) {
      const argv = [SMELTER, "run", "--from", folder, "--node", host.name, "--log-level", "debug", ...flags];
      const privileges = { uid: 0, capabilities: ["net_raw"] };
      const speaker = host.spawn(argv, { name: `speaker on ${host.name}`, privileges });
      running.push(speaker);
      return speaker;
    },
    async end() {
      await Promise.all(running.splice(0).map((process) => process.kill()));
    },
  };
}

export const nodeManifest = ({ name, ipv4 }: LanHost, annotations = "{}"): string => `
apiVersion: v1
kind: Node
metadata:
  name: ${name}
  labels: {kubernetes.io/hostname: ${name}}
  annotations: ${annotations}
status:
  addresses: [{type: InternalIP, address: ${ipv4}}]
  conditions: [{type: Ready, status: "True"}]
`;

/** A Service with endpoints on n1 and n2 that is to have this address. */
export const serviceManifest = (name: string, ip: string, annotations = ""): string => `
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: default, annotations: {metallb.io/loadBalancerIPs: "${ip}"${annotations}}}
spec:
  type: LoadBalancer
  clusterIP: ${ip.includes(":") ? "fd00::7" : "10.96.0.7"}
  clusterIPs: ["${ip.includes(":") ? "fd00::7" : "10.96.0.7"}"]
  ports: [{port: 80}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: ${name}-1, namespace: default, labels: {kubernetes.io/service-name: ${name}}}
addressType: IPv4
endpoints:
- {addresses: [10.244.11.2], nodeName: n1, conditions: {ready: true}}
- {addresses: [10.244.12.2], nodeName: n2, conditions: {ready: true}}
`;

/** A resource of metallb.io with this spec. */
export const resourceManifest = (kind: string, name: string, spec: object): string =>
  `apiVersion: metallb.io/${kind === "BGPPeer" ? "v1beta2" : "v1beta1"}\nkind: ${kind}\nmetadata: {name: ${name}, namespace: metallb-system}\nspec: ${JSON.stringify(spec)}\n`;

/** Several documents of one file. */
export const documents = (...texts: readonly string[]): string => texts.join("---\n");

/** One of 198.18.0.0/16. */
export const numberedAddress = (index: number): string => `198.18.${index >> 8}.${index & 255}`;

/** One of thousands of Services, which has its address, and an endpoint on n1; JSON, which is read sooner than YAML. */
export function numberedService(index: number, address = numberedAddress(index)): string {
  const metadata = { name: `s${index}`, namespace: "default" };
  const service = {
    apiVersion: "v1",
    kind: "Service",
    metadata,
    spec: { type: "LoadBalancer", clusterIP: "10.96.0.7", ports: [{ port: 80 }] },
    status: { loadBalancer: { ingress: [{ ip: address }] } },
  };
  const slice = {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { ...metadata, labels: { "kubernetes.io/service-name": metadata.name } },
    addressType: "IPv4",
    endpoints: [{ addresses: ["10.244.11.2"], nodeName: "n1", conditions: { ready: true } }],
  };
  return documents(`${JSON.stringify(service)}\n`, `${JSON.stringify(slice)}\n`);
}
