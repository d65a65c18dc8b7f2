/** OpenBGPD on a host of the lab. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { LanHost } from "./lab.js";
import {
  askRouter,
  routerEnv,
  routerProgram,
  sortRoutes,
  withUser,
  type Router,
  type RouterMake,
  type RouterPeer,
  type RouterPlan,
  type RouterRoute,
} from "./router.js";
import { until } from "./until.js";

export const OPENBGPD: RouterMake = { name: "OpenBGPD", lacks: ["extendedNextHop"], start: startOpenbgpd };

export async function startOpenbgpd(host: LanHost, folder: string, plan: RouterPlan): Promise<Router> {
  const place = join(folder, `openbgpd-${host.name}`);
  await mkdir(place, { recursive: true });
  const [config, socket] = [join(place, "bgpd.conf"), join(place, "bgpd.sock")];
  await writeFile(config, `${configOf(plan)}socket "${socket}"\n`, { mode: 0o600 });
  const argv = [routerProgram("usr/sbin/bgpd"), "-d", "-v", "-f", config];
  const process = host.spawn(await withUser(place, ["_openbgpd"], argv), {
    name: `OpenBGPD on ${host.name}`,
    env: routerEnv(),
  });
  const ask = (...words: readonly string[]): Promise<string> =>
    askRouter(host, [routerProgram("usr/sbin/bgpctl"), "-s", socket, ...words]);
  await until(async () => (await ask("show")).includes("Neighbor"), { what: "OpenBGPD to answer" });
  return {
    process,
    async routes() {
      return sortRoutes(readRoutes(await ask("-j", "show", "rib", "detail")));
    },
    async established() {
      const { neighbors } = JSON.parse(await ask("-j", "show", "neighbor")) as {
        neighbors: readonly { remote_addr: string; state: string }[];
      };
      return neighbors.flatMap(({ remote_addr: address, state }) => (state === "Established" ? [address] : []));
    },
    async reset({ remote }) {
      await ask("neighbor", remote, "clear", "maintenance of the router");
    },
  };
}

function configOf({ asn, routerId, peers }: RouterPlan): string {
  return `AS ${asn}
router-id ${routerId}
fib-update no
listen on 0.0.0.0
listen on ::
${peers.map(neighborOf).join("")}
allow from any
deny to any
`;
}

function neighborOf(peer: RouterPeer): string {
  const on = (condition: boolean | undefined, text: string): string => (condition === true ? `  ${text}\n` : "");
  const announce = (["ipv4", "ipv6"] as const).map(
    (family) =>
      `  announce ${family === "ipv4" ? "IPv4" : "IPv6"} ${peer.families.includes(family) ? "unicast" : "none"}\n`,
  );
  // A listener gets the keys of those peers alone that say nothing of the address at which they are waited for.
  const isLocalSaid = peer.password === undefined || peer.connectTo !== undefined;
  return `neighbor ${peer.remote} {
  remote-as ${peer.remoteAs}
${on(isLocalSaid, `local-address ${peer.local}`)}${announce.join("")}${on(peer.connectTo === undefined, "passive")}${on(peer.connectTo !== undefined, `port ${peer.connectTo}`)}${on(
    peer.password !== undefined,
    `tcp md5sig password ${peer.password}`,
  )}${on(peer.holdTimeSeconds !== undefined, `holdtime ${peer.holdTimeSeconds}`)}${on(peer.multihop, "multihop 8")}${on(
    peer.ttlSecurity,
    "ttl-security yes",
  )}${on(peer.twoOctetAs, "announce as-4byte no")}}
`;
}

type Rib = Readonly<{
  rib?: readonly {
    prefix: string;
    aspath: string;
    exit_nexthop: string;
    localpref: number;
    neighbor: { remote_addr: string };
    communities?: readonly string[];
    large_communities?: readonly string[];
    attributes?: readonly unknown[];
  }[];
}>;

function readRoutes(text: string): readonly RouterRoute[] {
  return ((JSON.parse(text) as Rib).rib ?? []).map((route) => ({
    peer: route.neighbor.remote_addr,
    prefix: route.prefix,
    nextHop: route.exit_nexthop,
    asPath: route.aspath,
    localPref: route.localpref,
    communities: (route.communities ?? []).map((text) => NAMES[text] ?? text).toSorted(),
    largeCommunities: (route.large_communities ?? []).toSorted(),
  }));
}

const NAMES: Readonly<Record<string, string>> = { GRACEFUL_SHUTDOWN: "65535:0", NO_EXPORT: "65535:65281" };
