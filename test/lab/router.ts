/** A BGP daemon of whatever make on a host of the lab: the router that speakers have sessions with. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { LanHost } from "./lab.js";
import { routersFolder } from "./places.js";
import type { LabProcess } from "./process.js";

export type RouterFamily = "ipv4" | "ipv6";

/** One session, as the router is told of it. It waits for the speaker to open the connection. */
export type RouterPeer = Readonly<{
  /** Letters and digits. */
  name: string;
  /** The router's own address, and the speaker's; of one family. */
  local: string;
  remote: string;
  remoteAs: number;
  families: readonly RouterFamily[];
  password?: string;
  holdTimeSeconds?: number;
  multihop?: boolean;
  /** Says nothing of AS numbers of four octets. */
  twoOctetAs?: boolean;
  /** Takes only what comes with a TTL of 255. RFC 5082 */
  ttlSecurity?: boolean;
  /** IPv4 routes may have an IPv6 next hop. RFC 8950 */
  extendedNextHop?: boolean;
  /** Opens the connection itself, too, at this port of the speaker's. */
  connectTo?: number;
}>;

export type RouterPlan = Readonly<{ asn: number; routerId: string; peers: readonly RouterPeer[] }>;

/** A route as the router has it from one peer. */
export type RouterRoute = Readonly<{
  /** The speaker's address of the session. */
  peer: string;
  prefix: string;
  nextHop: string;
  /** AS numbers, separated by blanks; "" within an AS. */
  asPath: string;
  /** undefined: the router does not say, or none came. */
  localPref: number | undefined;
  /** `64512:1`, sorted. */
  communities: readonly string[];
  /** `64512:1:2`, sorted. */
  largeCommunities: readonly string[];
}>;

export type Router = Readonly<{
  process: LabProcess;
  /** All that was heard and not withdrawn, sorted by peer and prefix. */
  routes: () => Promise<readonly RouterRoute[]>;
  /** The speaker's addresses of the sessions that are there. */
  established: () => Promise<readonly string[]>;
  /** Ends a session with a Cease, and takes it up again. */
  reset: (peer: RouterPeer) => Promise<void>;
  /** How many prefixes it has, of all peers; quicker than to read them. */
  count?: () => Promise<number>;
  /** How many UPDATEs came in all sessions that are there, since their beginning; where the router says it. */
  updates?: () => Promise<number>;
  /** The hold time of a session in seconds, where the router says it. */
  holdTime?: (peer: RouterPeer) => Promise<number>;
}>;

export type RouterMake = Readonly<{
  name: string;
  start: (host: LanHost, folder: string, plan: RouterPlan) => Promise<Router>;
  /** What it can not: rows that ask for it are left out. */
  lacks: readonly (keyof RouterPeer | "dualStack")[];
}>;

/** A program out of the unpacked packages, and the environment that it finds its libraries by. */
export function routerProgram(path: string): string {
  return join(routersFolder(), path);
}

export function routerEnv(): Readonly<Record<string, string>> {
  const libraries = routerProgram("usr/lib/x86_64-linux-gnu");
  return { LD_LIBRARY_PATH: `${libraries}:${libraries}/frr` };
}

/**
 * A command that finds users and groups which this machine does not have, as daemons want them that give up their rights:
 * in a mount namespace of its own.
 * @param folder is made, for the files
 */
export async function withUser(
  folder: string,
  names: readonly string[],
  argv: readonly string[],
): Promise<readonly string[]> {
  await mkdir(join(folder, "empty"), { recursive: true });
  for (const [file, line] of [
    ["passwd", (name: string) => `${name}:x:64999:64999::${join(folder, "empty")}:/bin/false\n`],
    ["group", (name: string) => `${name}:x:64999:root\n`],
  ] as const) {
    await writeFile(join(folder, file), `${await readFile(`/etc/${file}`, "utf8")}${names.map(line).join("")}`);
  }
  const mounts = ["passwd", "group"].map((file) => `mount --bind ${join(folder, file)} /etc/${file}`).join(" && ");
  return ["unshare", "--mount", "sh", "-c", `${mounts} && exec "$@"`, "sh", ...argv];
}

/** A command that reads from a router. Rejects where its exit code is not 0. */
export function askRouter(host: LanHost, argv: readonly string[]): Promise<string> {
  const env = Object.entries(routerEnv()).map(([name, value]) => `${name}=${value}`);
  return host.exec(["env", ...env, ...argv]);
}

export function isIpv6(address: string): boolean {
  return address.includes(":");
}

export function sortRoutes(routes: readonly RouterRoute[]): readonly RouterRoute[] {
  const key = ({ peer, prefix }: RouterRoute): string => `${peer} ${prefix}`;
  return routes.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}
