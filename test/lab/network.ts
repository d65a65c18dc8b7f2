/** The commands that make namespaces, the bridge and the cables. Text in, effects in namespaces of the lab only. */
import type { AddressPlan } from "./address-plan.js";
import { podNetwork } from "./address-plan.js";
import { run } from "./command.js";

/** One end of a cable in a host (eth0), the other, with the host's name, on the bridge `lan` of the switch. */
export type CableEnd = Readonly<{ name: string; namespace: string; number: number; forwards: boolean }>;

/** Quiet, fast and predictable: no duplicate address detection, router advertisements or redirects, no reverse path filter. */
const settings = (forwards: boolean): string => `
set -e
cd /proc/sys/net
for each in all default $(ls ipv4/conf | grep -v -x -e lo -e all -e default || true); do
  echo 0 >ipv4/conf/$each/rp_filter
  echo 0 >ipv4/conf/$each/accept_redirects
  echo 0 >ipv4/conf/$each/send_redirects
  echo 0 >ipv6/conf/$each/accept_dad
  echo 0 >ipv6/conf/$each/dad_transmits
  echo 0 >ipv6/conf/$each/accept_ra
  echo 0 >ipv6/conf/$each/accept_redirects
  echo 0 >ipv6/conf/$each/router_solicitations
done
${forwards ? "echo 1 >ipv4/ip_forward; echo 1 >ipv6/conf/all/forwarding" : ""}
`;

export async function addNamespaces(names: readonly string[]): Promise<void> {
  await run(["ip", "-batch", "-"], names.map((name) => `netns add ${name}\n`).join(""));
}

/** The switch has no address and says nothing of its own. */
export async function makeSwitch(namespace: string): Promise<void> {
  await run(["ip", "netns", "exec", namespace, "sh", "-c", SILENCE]);
  await ipBatch(namespace, [
    "link set lo up",
    "link add lan type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
    "link set lan up",
  ]);
}

const SILENCE = `set -e
cd /proc/sys/net
echo 1 >ipv6/conf/all/disable_ipv6
echo 1 >ipv6/conf/default/disable_ipv6
for table in ip ip6 arp; do [ ! -e bridge/bridge-nf-call-\${table}tables ] || echo 0 >bridge/bridge-nf-call-\${table}tables; done`;

/** Cables from the switch to these hosts, and the hosts' addresses and routes. */
export async function plugIn(
  switchNamespace: string,
  ends: readonly CableEnd[],
  plan: AddressPlan,
  router: number,
): Promise<void> {
  await ipBatch(
    switchNamespace,
    ends.flatMap(({ name, namespace, number }) => [
      `link add ${name} type veth peer name eth0 address ${plan.mac(number)} netns ${namespace}`,
      `link set ${name} master lan up`,
    ]),
  );
  await Promise.all(
    ends.map(async ({ namespace, number, forwards }) => {
      await run(["ip", "netns", "exec", namespace, "sh", "-c", settings(forwards)]);
      await ipBatch(namespace, [
        "link set lo up",
        "link set eth0 up",
        `address add ${plan.ipv4(number)}/${plan.ipv4Length} dev eth0`,
        `address add ${plan.ipv6(number)}/${plan.ipv6Length} dev eth0 nodad`,
        ...(number === router
          ? []
          : [`route add default via ${plan.ipv4(router)}`, `route add default via ${plan.ipv6(router)}`]),
      ]);
    }),
  );
}

/** A network of pods behind a node: a namespace whose only way out is through the node. */
export async function addPodNetwork(
  node: CableEnd,
  podsNamespace: string,
  others: readonly CableEnd[],
  plan: AddressPlan,
) {
  const network = podNetwork(node.number);
  await addNamespaces([podsNamespace]);
  await ipBatch(node.namespace, [
    `link add pods type veth peer name eth0 netns ${podsNamespace}`,
    "link set pods up",
    `address add ${network.gateway4}/24 dev pods`,
    `address add ${network.gateway6}/64 dev pods nodad`,
  ]);
  await run(["ip", "netns", "exec", node.namespace, "sh", "-c", settings(true)]);
  await run(["ip", "netns", "exec", podsNamespace, "sh", "-c", settings(false)]);
  await ipBatch(podsNamespace, [
    "link set lo up",
    "link set eth0 up",
    `route add ${network.gateway4} dev eth0`, // the addresses come one by one, with the pods
    `route add ${network.gateway6} dev eth0`,
    `route add default via ${network.gateway4}`,
    `route add default via ${network.gateway6}`,
  ]);
  await Promise.all(
    others.map(({ namespace }) =>
      ipBatch(namespace, [
        `route replace ${network.ipv4} via ${plan.ipv4(node.number)}`,
        `route replace ${network.ipv6} via ${plan.ipv6(node.number)}`,
      ]),
    ),
  );
}

export async function ipBatch(namespace: string, lines: readonly string[]): Promise<void> {
  await run(["ip", "-n", namespace, "-batch", "-"], lines.map((line) => `${line}\n`).join(""));
}

/** The last argument is the commands' text (nft cannot read them from a socket, which is what a child's stdin is). */
export const nft = (namespace: string, ...args: readonly string[]): Promise<string> =>
  run(["ip", "netns", "exec", namespace, "nft", ...args]);
