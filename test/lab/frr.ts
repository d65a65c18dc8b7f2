/** FRR's bgpd on a host of the lab, with the zebra that tells it of interfaces. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { FRR_USERS, askVty } from "./frr-vty.js";
import type { LanHost } from "./lab.js";
import {
  isIpv6,
  routerEnv,
  routerProgram,
  sortRoutes,
  withUser,
  type Router,
  type RouterFamily,
  type RouterMake,
  type RouterPeer,
  type RouterPlan,
  type RouterRoute,
} from "./router.js";
import { until } from "./until.js";

export const FRR: RouterMake = { name: "FRR", lacks: ["twoOctetAs"], start: startFrr };

export type Frr = Router & Readonly<{ vtysh: (...commands: readonly string[]) => Promise<string> }>;

/** @param more lines for `router bgp` */
export async function startFrr(
  host: LanHost,
  folder: string,
  plan: RouterPlan,
  more: Readonly<{ bgp?: string; families?: string }> = {},
): Promise<Frr> {
  const place = join(folder, `frr-${host.name}`);
  await mkdir(place, { recursive: true });
  const [config, zebraConfig, zserv] = [join(place, "bgpd.conf"), join(place, "zebra.conf"), join(place, "zserv.api")];
  await writeFile(zebraConfig, "log stdout\n");
  await writeFile(config, `log stdout\nlog timestamp precision 3\n${bgpConfig(plan, more)}`);
  const env = routerEnv();
  const common = ["-z", zserv, "--vty_socket", place, "-P", "0"];
  const zebraArgv = [routerProgram("usr/lib/frr/zebra"), ...common, "-u", "root", "-g", "root", "-f", zebraConfig];
  const zebra = host.spawn(await withUser(place, FRR_USERS, [...zebraArgv, "-i", join(place, "z.pid")]), {
    name: `zebra on ${host.name}`,
    env,
  });
  await until(async () => (await host.attempt(["test", "-S", zserv])).code === 0 && zebra.running(), { what: "zebra" });
  const process = host.spawn(
    [routerProgram("usr/lib/frr/bgpd"), "-S", ...common, "-f", config, "-i", join(place, "b.pid"), "--log", "stdout"],
    { name: `FRR on ${host.name}`, env },
  );
  const vtysh = (...commands: readonly string[]): Promise<string> => askVty(join(place, "bgpd.vty"), commands);
  await until(async () => (await vtysh("show bgp summary json")).includes("{"), {
    what: "FRR to answer",
    deadlineMs: 20_000,
  });
  const as = `router bgp ${plan.asn}`;
  return {
    process,
    vtysh,
    async routes() {
      const routes: RouterRoute[] = [];
      for (const family of ["ipv4", "ipv6"] as const) {
        const table = JSON.parse(await vtysh(`show bgp ${family} unicast json`)) as {
          routes?: Record<string, unknown>;
        };
        for (const prefix of Object.keys(table.routes ?? {})) {
          routes.push(...readPaths(prefix, await vtysh(`show bgp ${family} unicast ${prefix} json`)));
        }
      }
      return sortRoutes(routes);
    },
    async established() {
      const summary = JSON.parse(await vtysh("show bgp neighbors json")) as Record<string, { bgpState?: string }>;
      return Object.entries(summary).flatMap(([address, { bgpState }]) =>
        bgpState === "Established" ? [address] : [],
      );
    },
    async reset({ remote }) {
      await vtysh("configure terminal", as, `neighbor ${remote} shutdown message maintenance of the router`);
      await vtysh("configure terminal", as, `no neighbor ${remote} shutdown`);
    },
    async holdTime({ remote }) {
      const neighbors = JSON.parse(await vtysh(`show bgp neighbors ${remote} json`)) as Record<
        string,
        { bgpTimerHoldTimeMsecs: number }
      >;
      return (neighbors[remote]?.bgpTimerHoldTimeMsecs ?? 0) / 1000;
    },
  };
}

/** @param more lines for `router bgp`, and for each address family */
function bgpConfig({ asn, routerId, peers }: RouterPlan, more: Readonly<{ bgp?: string; families?: string }>): string {
  const lines = peers.flatMap((peer) => neighborLines(peer));
  const families = (["ipv4", "ipv6"] as const).map(
    (family) =>
      ` address-family ${family} unicast\n${activated(peers, family)
        .map((remote) => `  neighbor ${remote} activate`)
        .join("\n")}\n${more.families ?? ""}\n exit-address-family\n`,
  );
  return `router bgp ${asn}
 bgp router-id ${routerId}
 no bgp ebgp-requires-policy
 no bgp default ipv4-unicast
 no bgp network import-check
${more.bgp ?? ""}
${lines.map((line) => ` ${line}`).join("\n")}
${families.join("")}`;
}

function activated(peers: readonly RouterPeer[], family: RouterFamily): readonly string[] {
  return peers.filter(({ families }) => families.includes(family)).map(({ remote }) => remote);
}

function neighborLines(peer: RouterPeer): readonly string[] {
  const set = (text: string): string => `neighbor ${peer.remote} ${text}`;
  return [
    set(`remote-as ${peer.remoteAs}`),
    set(`update-source ${peer.local}`),
    ...(peer.connectTo === undefined ? [set("passive")] : [set(`port ${peer.connectTo}`)]),
    set("timers connect 1"),
    ...(peer.holdTimeSeconds === undefined
      ? []
      : [set(`timers ${Math.floor(peer.holdTimeSeconds / 3)} ${peer.holdTimeSeconds}`)]),
    ...(peer.password === undefined ? [] : [set(`password ${peer.password}`)]),
    ...(peer.multihop === true ? [set("ebgp-multihop 8")] : []),
    ...(peer.ttlSecurity === true ? [set("ttl-security hops 1")] : []),
    ...(peer.extendedNextHop === true ? [set("capability extended-nexthop")] : []),
  ];
}

type Path = Readonly<{
  aspath: { string: string };
  locPrf?: number;
  community?: { list: readonly string[] };
  largeCommunity?: { string: string };
  nexthops: readonly { ip: string; scope?: string }[];
  peer: { peerId: string };
}>;

function readPaths(prefix: string, text: string): readonly RouterRoute[] {
  const { paths = [] } = JSON.parse(text) as { paths?: readonly Path[] };
  return paths.map((path) => ({
    peer: path.peer.peerId,
    prefix,
    nextHop: (path.nexthops.find(({ scope }) => scope !== "link-local") ?? path.nexthops[0])?.ip ?? "",
    asPath: path.aspath.string === "Local" ? "" : path.aspath.string,
    localPref: path.locPrf,
    communities: (path.community?.list ?? []).map(namedCommunity).toSorted(),
    largeCommunities: (path.largeCommunity?.string ?? "").split(" ").filter(Boolean).toSorted(),
  }));
}

const NAMES: Readonly<Record<string, string>> = {
  gracefulShutdown: "65535:0",
  blackhole: "65535:666",
  noExport: "65535:65281",
};
const namedCommunity = (text: string): string => NAMES[text] ?? text;

/** Is the session one of IPv6? */
export const overIpv6 = ({ remote }: RouterPeer): boolean => isIpv6(remote);
