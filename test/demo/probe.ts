import { buffer } from "node:stream/consumers";
import type { Lab } from "../lab/lab.js";
import { dnsQuestion, lengthPrefix } from "./backends.js";
import type { Row } from "./table.js";

export type Target = Readonly<{ service: string; address: string }>;

const TIMEOUT_MS = 400;
const QUESTION = dnsQuestion("which.node");
const RECORD_HEADER_OCTETS = 13; // name, type, class, TTL and length of the answer, and the length of its text

/** Looks from the client: which machine answers for each address, and what comes back through it. */
export function createProbe(lab: Lab, targets: readonly Target[]) {
  /** What a Service gives, "-" for nothing. */
  async function ask({ service, address }: Target): Promise<string> {
    try {
      if (service === "default/dns-udp") return textOf(await askDnsOverUdp(address));
      if (service === "default/dns-tcp") return textOf((await askDnsOverTcp(address)).subarray(2));
      const { status, body } = await lab.client.fetch(`http://${address}/`, { timeoutMs: TIMEOUT_MS });
      return `HTTP ${status}: ${body.trim()}`;
    } catch {
      return "-"; // not reachable yet, or not any more: that is what the table shows
    }
  }

  function askDnsOverUdp(address: string): Promise<Buffer> {
    return lab.client.askUdp({ host: address, port: 53, timeoutMs: TIMEOUT_MS }, QUESTION);
  }

  async function askDnsOverTcp(address: string): Promise<Buffer> {
    const connection = await lab.client.sockets.connect({ host: address, port: 53, timeoutMs: TIMEOUT_MS });
    connection.setTimeout(TIMEOUT_MS, () => connection.destroy(new Error("no answer in time")));
    connection.write(Buffer.concat([lengthPrefix(QUESTION), QUESTION]));
    return buffer(connection);
  }

  /** Node names by address, out of what the client's kernel learned by ARP. */
  async function announcers(): Promise<ReadonlyMap<string, string>> {
    const lines = (await lab.client.exec(["ip", "-4", "neigh", "show", "dev", "eth0"])).split("\n");
    const byMac = new Map(lab.nodes.map(({ mac, name }) => [mac, name]));
    return new Map(
      lines.flatMap((line) => {
        const [, address, mac] = /^(\S+) .*lladdr (\S+)/.exec(line) ?? [];
        return address === undefined || mac === undefined ? [] : [[address, byMac.get(mac) ?? mac] as const];
      }),
    );
  }

  return {
    async look(): Promise<readonly Row[]> {
      const answers = await Promise.all(targets.map(ask));
      const nodes = await announcers();
      return targets.map(({ service, address }, index) => ({
        service,
        address,
        announcedBy: nodes.get(address) ?? "-",
        client: answers[index] ?? "-",
      }));
    },
    async answers(service: string): Promise<boolean> {
      const target = targets.find((candidate) => candidate.service === service);
      return target !== undefined && (await ask(target)) !== "-";
    },
  };
}

function textOf(answer: Buffer): string {
  return `DNS: TXT "${answer.subarray(QUESTION.length + RECORD_HEADER_OCTETS).toString()}"`;
}
