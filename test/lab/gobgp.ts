/** GoBGP on a host of the lab. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { LanHost } from "./lab.js";
import {
  askRouter,
  isIpv6,
  routerProgram,
  sortRoutes,
  type Router,
  type RouterMake,
  type RouterPeer,
  type RouterPlan,
  type RouterRoute,
} from "./router.js";
import { until } from "./until.js";

export const GOBGP: RouterMake = { name: "GoBGP", lacks: ["twoOctetAs", "extendedNextHop"], start: startGobgp };

export async function startGobgp(host: LanHost, folder: string, plan: RouterPlan): Promise<Router> {
  const file = join(folder, `gobgp-${host.name}.json`);
  await writeFile(file, JSON.stringify(configOf(plan), undefined, 1));
  const process = host.spawn(
    [routerProgram("usr/bin/gobgpd"), "-t", "json", "-f", file, "--api-hosts", "127.0.0.1:50051", "--pprof-disable"],
    { name: `GoBGP on ${host.name}` },
  );
  const ask = (...words: readonly string[]): Promise<string> =>
    askRouter(host, [routerProgram("usr/bin/gobgp"), ...words]);
  const neighbors = async (): Promise<readonly Neighbor[]> =>
    JSON.parse(await ask("-j", "neighbor")) as readonly Neighbor[];
  await until(async () => (await ask("global")).includes("AS:"), { what: "GoBGP to answer" });
  return {
    process,
    async routes() {
      const tables = await Promise.all(["ipv4", "ipv6"].map((family) => ask("-j", "global", "rib", "-a", family)));
      return sortRoutes(tables.flatMap(readRoutes));
    },
    async count() {
      return Number(/Destination: (\d+)/.exec(await ask("global", "rib", "summary"))?.[1] ?? 0);
    },
    async established() {
      return (await neighbors()).flatMap(({ state }) => (state.session_state === 6 ? [state.neighbor_address] : []));
    },
    async updates() {
      const received = (await neighbors()).map(({ state }) => Number(state.messages.received.update ?? 0));
      return received.reduce((sum, count) => sum + count, 0);
    },
    async reset({ remote }) {
      await ask("neighbor", remote, "disable"); // after a reset it waits for half a minute
      await ask("neighbor", remote, "enable");
    },
  };
}

function configOf({ asn, routerId, peers }: RouterPlan) {
  return {
    global: { config: { as: asn, "router-id": routerId, port: 179 } },
    neighbors: peers.map((peer) => ({
      config: {
        "neighbor-address": peer.remote,
        "peer-as": peer.remoteAs,
        ...(peer.password === undefined ? {} : { "auth-password": peer.password }),
      },
      transport: {
        config: {
          "local-address": peer.local,
          "passive-mode": peer.connectTo === undefined,
          ...(peer.connectTo === undefined ? {} : { "remote-port": peer.connectTo }),
        },
      },
      timers: {
        config: {
          "connect-retry": 1,
          "idle-hold-time-after-reset": 1,
          ...(peer.holdTimeSeconds === undefined ? {} : { "hold-time": peer.holdTimeSeconds }),
        },
      },
      ...(peer.multihop === true ? { "ebgp-multihop": { config: { enabled: true, "multihop-ttl": 8 } } } : {}),
      ...(peer.ttlSecurity === true ? { "ttl-security": { config: { enabled: true, "ttl-min": 255 } } } : {}),
      "afi-safis": peer.families.map((family) => ({ config: { "afi-safi-name": `${family}-unicast` } })),
    })),
  };
}

/** A count of 0 is left out. */
type Neighbor = Readonly<{
  state: Readonly<{
    neighbor_address: string;
    session_state: number;
    messages: Readonly<{ received: Readonly<{ update?: number }> }>;
  }>;
}>;

type Attribute = Readonly<{
  type: number;
  as_paths?: readonly { asns: readonly number[] }[];
  nexthop?: string;
  value?: unknown;
  communities?: readonly number[];
}>;

function readRoutes(text: string): readonly RouterRoute[] {
  const table = JSON.parse(text) as Record<string, readonly { attrs: readonly Attribute[]; "neighbor-ip": string }[]>;
  return Object.entries(table).flatMap(([prefix, paths]) =>
    paths.map(({ attrs, "neighbor-ip": peer }) => {
      const find = (type: number): Attribute | undefined => attrs.find((attribute) => attribute.type === type);
      const large = (find(32)?.value ?? []) as readonly { ASN: number; LocalData1: number; LocalData2: number }[];
      return {
        peer,
        prefix,
        nextHop: find(3)?.nexthop ?? find(14)?.nexthop ?? "",
        asPath: (find(2)?.as_paths ?? []).flatMap(({ asns }) => asns).join(" "),
        localPref: find(5)?.value as number | undefined,
        communities: (find(8)?.communities ?? []).map((one) => `${one >>> 16}:${one & 0xffff}`).toSorted(),
        largeCommunities: large.map((one) => `${one.ASN}:${one.LocalData1}:${one.LocalData2}`).toSorted(),
      };
    }),
  );
}

export const gobgpFamily = ({ remote }: RouterPeer): string => (isIpv6(remote) ? "ipv6" : "ipv4");
