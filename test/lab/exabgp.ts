/** ExaBGP on a host of the lab. It keeps no routes: what it hears is written to a file, and put together here. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { LanHost } from "./lab.js";
import {
  routerProgram,
  sortRoutes,
  type Router,
  type RouterMake,
  type RouterPeer,
  type RouterPlan,
  type RouterRoute,
} from "./router.js";

export const EXABGP: RouterMake = {
  name: "ExaBGP",
  lacks: ["extendedNextHop"],
  start: startExabgp,
};

export async function startExabgp(host: LanHost, folder: string, plan: RouterPlan): Promise<Router> {
  const file = (name: string): string => join(folder, `exabgp-${host.name}.${name}`);
  await writeFile(file("json"), "");
  await writeFile(file("sh"), `#!/bin/sh\ncat >>${file("json")}\n`, { mode: 0o755 });
  await writeFile(file("conf"), configOf(plan, file("sh")));
  const port = 179;
  const process = host.spawn(["python3", "-m", "exabgp", file("conf")], {
    name: `ExaBGP on ${host.name}`,
    env: {
      PYTHONPATH: routerProgram("usr/lib/python3/dist-packages"),
      "exabgp.daemon.user": "root",
      "exabgp.tcp.bind": [...new Set(plan.peers.map(({ local }) => local))].join(" "),
      "exabgp.tcp.port": String(port),
      "exabgp.log.destination": "stdout",
      "exabgp.log.all": "true",
      "exabgp.api.cli": "false",
      "exabgp.api.ack": "false",
    },
  });
  const heard = async (): Promise<readonly Message[]> =>
    (await readFile(file("json"), "utf8"))
      .split("\n")
      .filter((line) => line.startsWith("{") && line.endsWith("}"))
      .map((line) => JSON.parse(line) as Partial<Message>)
      .filter((message): message is Message => message.neighbor !== undefined); // others are about itself
  return {
    process,
    routes: async () => sortRoutes(routesOf(await heard())),
    async established() {
      const states = new Map(
        (await heard()).flatMap(({ neighbor }) =>
          neighbor.state === undefined ? [] : [[neighbor.address.peer, neighbor.state] as const],
        ),
      );
      return [...states].flatMap(([address, state]) => (state === "up" ? [address] : []));
    },
    async reset() {
      process.signal("SIGUSR1"); // reads its configuration anew, which ends nothing
    },
  };
}

function configOf({ asn, routerId, peers }: RouterPlan, program: string): string {
  return `process heard {
  run ${program};
  encoder json;
}
${peers.map((peer) => neighborOf(peer, asn, routerId)).join("")}`;
}

function neighborOf(peer: RouterPeer, asn: number, routerId: string): string {
  return `neighbor ${peer.remote} {
  router-id ${routerId};
  local-address ${peer.local};
  local-as ${asn};
  peer-as ${peer.remoteAs};
  ${peer.connectTo === undefined ? "passive true" : `connect ${peer.connectTo}`};
  ${peer.holdTimeSeconds === undefined ? "" : `hold-time ${peer.holdTimeSeconds};`}
  ${peer.password === undefined ? "" : `md5-password "${peer.password}";`}
  ${peer.ttlSecurity === true ? "incoming-ttl 255;" : ""}
  capability { asn4 ${peer.twoOctetAs === true ? "disable" : "enable"}; }
  family { ${peer.families.map((family) => `${family} unicast;`).join(" ")} }
  api { processes [ heard ]; neighbor-changes; receive { parsed; update; } }
}
`;
}

type Message = Readonly<{
  neighbor: {
    address: { peer: string };
    state?: string;
    message?: {
      update?: {
        attribute?: {
          "as-path"?: readonly number[] | Record<string, { value: readonly number[] }>;
          "local-preference"?: number;
          community?: readonly (readonly number[])[];
          "large-community"?: readonly (readonly number[])[];
        };
        announce?: Record<string, Record<string, readonly ({ nlri: string } | string)[]>>;
        withdraw?: Record<string, readonly ({ nlri: string } | string)[]>;
      };
    };
  };
}>;

function routesOf(messages: readonly Message[]): readonly RouterRoute[] {
  const routes = new Map<string, RouterRoute>();
  for (const { neighbor } of messages) {
    const peer = neighbor.address.peer;
    if (neighbor.state === "down") {
      for (const [key, route] of routes) if (route.peer === peer) routes.delete(key);
    }
    const update = neighbor.message?.update;
    const {
      "as-path": path = [],
      "local-preference": localPref,
      community = [],
      "large-community": large = [],
    } = update?.attribute ?? {};
    const asns = Array.isArray(path)
      ? (path as readonly number[])
      : Object.values(path as Record<string, { value: readonly number[] }>).flatMap(({ value }) => value);
    for (const nlris of Object.values(update?.withdraw ?? {})) {
      for (const nlri of nlris) routes.delete(`${peer} ${prefixOf(nlri)}`);
    }
    for (const byNextHop of Object.values(update?.announce ?? {})) {
      for (const [nextHop, nlris] of Object.entries(byNextHop)) {
        if (!Array.isArray(nlris)) continue; // End-of-RIB
        for (const nlri of nlris) {
          const prefix = prefixOf(nlri);
          routes.set(`${peer} ${prefix}`, {
            peer,
            prefix,
            nextHop,
            asPath: asns.join(" "),
            localPref,
            communities: community.map((numbers) => numbers.join(":")).toSorted(),
            largeCommunities: large.map((numbers) => numbers.join(":")).toSorted(),
          });
        }
      }
    }
  }
  return [...routes.values()];
}

const prefixOf = (nlri: { nlri: string } | string): string => (typeof nlri === "string" ? nlri : nlri.nlri);
