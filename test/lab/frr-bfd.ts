/** FRR's bgpd and bfdd on a host of the lab, with the zebra between them. */
import { mkdtemp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { FRR_USERS, askVty } from "./frr-vty.js";
import type { Host } from "./host.js";
import type { LabProcess } from "./process.js";
import { routerEnv, routerProgram, withUser } from "./router.js";
import { until } from "./until.js";

/** As `show bfd peers json` has it; times in milliseconds. */
export type FrrBfdPeer = Readonly<{
  peer: string;
  multihop: boolean;
  status: string;
  diagnostic: string;
  "remote-diagnostic": string;
  "remote-receive-interval": number;
  "remote-transmit-interval": number;
  "remote-detect-multiplier": number;
}>;

export type FrrBfd = Readonly<{
  bgpd: LabProcess;
  bfdd: LabProcess;
  /** What a daemon answers to the last of these commands. */
  ask: (daemon: "bfdd" | "bgpd", ...commands: readonly string[]) => Promise<string>;
  bfdPeers: () => Promise<readonly FrrBfdPeer[]>;
  /** Of a BGP neighbour: `Established`, `Active`, …, and the last NOTIFICATION of either side, in words. */
  neighbor: (address: string) => Promise<Readonly<{ state: string; lastNotification: string }>>;
  kill: () => Promise<void>;
}>;

/** @param config of bfdd (`bfd` and what is below it) and of bgpd (`router bgp` and what is below it) */
export async function startFrrBfd(
  host: Host,
  folder: string,
  config: Readonly<{ bfd: string; bgp: string }>,
): Promise<FrrBfd> {
  const place = await mkdtemp(join(folder, `frr-bfd-${host.name}-`));
  const zserv = join(place, "zserv.api");
  const vty = (daemon: string): string => join(place, `${daemon}.vty`);
  const ask = (daemon: string, ...commands: readonly string[]): Promise<string> => askVty(vty(daemon), commands);

  async function start(daemon: string, text: string, ...more: readonly string[]): Promise<LabProcess> {
    const file = join(place, `${daemon}.conf`);
    await writeFile(file, `log stdout\n${text}`);
    const common = ["-z", zserv, "--vty_socket", place, "-P", "0", "-u", "root", "-g", "root"];
    const files = ["-f", file, "-i", join(place, `${daemon}.pid`), "--log", "stdout"];
    const program = routerProgram(`usr/lib/frr/${daemon}`);
    const argv = await withUser(join(place, daemon), FRR_USERS, [program, ...common, ...files, ...more]);
    const started = host.spawn(argv, { name: `${daemon} on ${host.name}`, env: routerEnv() });
    const answers = (): Promise<boolean> =>
      ask(daemon, "show version").then(
        (version) => version.includes("FRR"),
        () => false,
      );
    await until(answers, { what: `${daemon} to run: ${started.output()}`, deadlineMs: 20_000 });
    return started;
  }

  const zebra = await start("zebra", "");
  const bfdd = await start("bfdd", config.bfd, "--bfdctl", join(place, "bfdd.sock"));
  const bgpd = await start("bgpd", config.bgp);
  return {
    bgpd,
    bfdd,
    ask: (daemon, ...commands) => ask(daemon, ...commands),
    bfdPeers: async () => JSON.parse(await ask("bfdd", "show bfd peers json")) as readonly FrrBfdPeer[],
    async neighbor(address) {
      const all = JSON.parse(await ask("bgpd", `show bgp neighbors ${address} json`)) as Record<
        string,
        { bgpState?: string; lastNotificationReason?: string }
      >;
      const { bgpState = "", lastNotificationReason = "" } = all[address] ?? {};
      return { state: bgpState, lastNotification: lastNotificationReason };
    },
    async kill() {
      await Promise.all([bgpd, bfdd, zebra].map((daemon) => daemon.kill()));
    },
  };
}
