/** kube-proxy in nftables mode in a node's namespace. It is what forwards to Services there. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LanHost } from "./lab.js";
import { nft } from "./network.js";
import type { LabProcess } from "./process.js";
import { until } from "./until.js";

export type KubeProxy = Readonly<{
  process: LabProcess;
  /** Waits until it forwards (or, where it has no endpoint to forward to, refuses) this address and port. */
  serves: (address: string, port: number, protocol?: "tcp" | "udp") => Promise<void>;
  /** Waits until it knows nothing of this address any more. */
  forgets: (address: string) => Promise<void>;
}>;

export async function startKubeProxy(
  programs: string,
  folder: string,
  node: LanHost,
  kubeconfig: string,
): Promise<KubeProxy> {
  const config = join(folder, `kube-proxy-${node.name}.yaml`);
  writeFileSync(config, configuration(node.name, kubeconfig));
  const logFile = join(folder, `kube-proxy-${node.name}.log`);
  const process = node.spawn([join(programs, "kube-proxy"), `--config=${config}`], {
    name: `kube-proxy on ${node.name}`,
    logFile,
  });
  const rules = (family: "ip" | "ip6"): Promise<string> => nft(node.namespace, `list table ${family} kube-proxy`);
  await until(async () => (await rules("ip")).includes("map service-ips"), {
    what: `kube-proxy on ${node.name} to make its table; its output is in ${logFile}`,
    deadlineMs: 30_000,
    everyMs: 50,
  });
  const known = async (address: string): Promise<string> => {
    const family = address.includes(":") ? "ip6" : "ip";
    const maps = await Promise.all(
      ["service-ips", "no-endpoint-services"].map((map) => nft(node.namespace, `list map ${family} kube-proxy ${map}`)),
    );
    return maps.join("\n");
  };
  return {
    process,
    serves: async (address, port, protocol = "tcp") => {
      const element = new RegExp(`(^|[^\\d.:a-f])${address.replaceAll(".", "\\.")} \\. ${protocol} \\. ${port} :`, "m");
      await until(async () => element.test(await known(address)), {
        what: `kube-proxy on ${node.name} to know ${address} ${protocol} ${port}; its output is in ${logFile}`,
        everyMs: 30,
      });
    },
    forgets: async (address) => {
      const element = new RegExp(`(^|[^\\d.:a-f])${address.replaceAll(".", "\\.")} \\. `, "m");
      await until(async () => !element.test(await known(address)), {
        what: `kube-proxy on ${node.name} to forget ${address}; its output is in ${logFile}`,
        everyMs: 30,
      });
    },
  };
}

const configuration = (node: string, kubeconfig: string): string => `apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
hostnameOverride: ${node}
clientConnection:
  kubeconfig: ${kubeconfig}
clusterCIDR: 10.244.0.0/16,fd00:10:244::/48
conntrack: # these settings belong to the whole machine
  maxPerCore: 0
  min: 0
nftables:
  minSyncPeriod: 10ms
`;
