import { createServer } from "node:net";
import type { Lab, LanHost, Pod } from "../lab/lab.js";
import type { Target } from "./probe.js";

/** What runs behind a Service, by the last part of its Pods' addresses, as examples/legacy/endpoints.yaml has it. */
const APPS = [
  { app: "nginx", last: 2, nodes: ["n1", "n2", "n3"], ports: [80], udp: false },
  { app: "dns", last: 3, nodes: ["n1", "n2", "n3"], ports: [], udp: true },
  { app: "traefik", last: 4, nodes: ["n2", "n3"], ports: [80, 443], udp: false },
] as const;

/** Starts the Pods of all nodes; each says on which node it runs. */
export async function startBackends(lab: Lab): Promise<void> {
  for (const node of lab.nodes) {
    for (const { app, last, nodes, ports, udp } of APPS) {
      const pod = await lab.addPod(node);
      if (!pod.ipv4.endsWith(`.${last}`)) throw new Error(`the Pod of ${app} got ${pod.ipv4}, not .${last}`);
      if (!(nodes as readonly string[]).includes(node.name)) continue;
      for (const port of ports) await pod.serveHttp(port, `${app} on ${node.name}\n`);
      if (udp) await serveDns(pod, node);
    }
  }
}

async function serveDns(pod: Pod, node: LanHost): Promise<void> {
  await pod.serveUdp(53, (question) => dnsAnswer(question, `dns on ${node.name}`));
  const server = createServer((connection) => {
    connection.on("error", () => connection.destroy()); // a client that went away
    connection.once("data", (message) => {
      const answer = dnsAnswer(message.subarray(2), `dns on ${node.name}`);
      connection.end(Buffer.concat([lengthPrefix(answer), answer]));
    });
  });
  server.listen(await pod.sockets.listen({ host: pod.ipv4, port: 53 }));
  server.unref();
}

/** DNS over TCP puts the length in front (RFC 1035 §4.2.2). */
export function lengthPrefix(message: Buffer): Buffer {
  return Buffer.from([message.length >> 8, message.length & 0xff]);
}

/** A DNS response with one TXT record for the question's name (RFC 1035 §4.1). */
function dnsAnswer(question: Buffer, text: string): Buffer {
  const header = Buffer.from(question.subarray(0, 12));
  header.writeUInt16BE(0x8180, 2); // a response, no error
  header.writeUInt16BE(1, 6); // one answer
  header.writeUInt32BE(0, 8);
  const record = Buffer.from([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 0, 0, text.length + 1, text.length]);
  return Buffer.concat([header, question.subarray(12), record, Buffer.from(text)]);
}

/** A DNS query for a TXT record. */
export function dnsQuestion(name: string): Buffer {
  const labels = name.split(".").flatMap((label) => [Buffer.from([label.length]), Buffer.from(label)]);
  return Buffer.concat([
    Buffer.from([0x53, 0x4d, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
    ...labels,
    Buffer.from([0, 0, 16, 0, 1]),
  ]);
}

const APP_OF_SERVICE: Readonly<Record<string, (typeof APPS)[number]["app"]>> = {
  "default/nginx": "nginx",
  "default/fixed-by-annotation": "nginx",
  "default/fixed-by-field": "nginx",
  "default/dns-udp": "dns",
  "default/dns-tcp": "dns",
  "ingress/traefik": "traefik",
};

/**
 * What kube-proxy does in a cluster: each node sends what is for a Service address on to its own Pod. The address is on
 * no interface, or the kernel would answer ARP for it.
 */
export async function forwardServices(lab: Lab, targets: readonly Target[]): Promise<void> {
  await Promise.all(
    lab.nodes.map((node) => {
      const rules = targets.flatMap(({ service, address }) => {
        const app = APPS.find((candidate) => candidate.app === APP_OF_SERVICE[service]);
        if (app === undefined || !(app.nodes as readonly string[]).includes(node.name)) return [];
        const pod = `10.244.${node.number}.${app.last}`;
        const match = service === "default/dns-udp" ? "udp dport 53" : `tcp dport { 53, 80, 443 }`;
        return [`add rule ip demo services ip daddr ${address} ${match} dnat to ${pod}`];
      });
      const table = [
        "add table ip demo",
        "add chain ip demo services { type nat hook prerouting priority dstnat; }",
        ...rules,
      ];
      return node.exec(["nft", table.join("\n")]);
    }),
  );
}
