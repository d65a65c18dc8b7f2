/** BIRD on a host of the lab: the router that speakers have BGP sessions with. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Host } from "./host.js";
import { routersFolder } from "./places.js";
import type { LabProcess } from "./process.js";
import { until } from "./until.js";

/** A route as BIRD has it. Several next hops are several routes. */
export type BirdRoute = Readonly<{
  prefix: string;
  nextHop: string;
  /** AS numbers, separated by blanks; "" within an AS. */
  asPath: string;
  localPref: number;
  /** `(64512,1)`, in the order in which they came. */
  communities: string;
  largeCommunities: string;
}>;

export type Bird = Readonly<{
  process: LabProcess;
  /** What birdc answers. */
  ask: (command: string) => Promise<string>;
  routes: () => Promise<readonly BirdRoute[]>;
  /** `Established`, `Active`, …, by the names of the protocols. */
  sessions: () => Promise<Readonly<Record<string, string>>>;
}>;

/** @param configuration of BIRD; its log goes to the process's output */
export async function startBird(host: Host, folder: string, configuration: string): Promise<Bird> {
  const root = routersFolder();
  const env = { LD_LIBRARY_PATH: join(root, "usr/lib/x86_64-linux-gnu") };
  const [file, socket] = [join(folder, `bird-${host.name}.conf`), join(folder, `bird-${host.name}.sock`)];
  await writeFile(file, `log stderr all;\nprotocol device {}\n${configuration}`);
  const process = host.spawn([join(root, "usr/sbin/bird"), "-f", "-c", file, "-s", socket], { name: "bird", env });
  const ask = async (command: string): Promise<string> => {
    const { stdout } = await host.attempt([
      "env",
      `LD_LIBRARY_PATH=${env.LD_LIBRARY_PATH}`,
      join(root, "usr/sbin/birdcl"),
      "-s",
      socket,
      ...command.split(" "),
    ]);
    return stdout;
  };
  await until(async () => (await ask("show status")).includes("up and running"), { what: "BIRD to run" });
  return {
    process,
    ask,
    async routes() {
      return readBirdRoutes(await ask("show route all")).map(({ route }) => route);
    },
    async sessions() {
      const lines = (await ask("show protocols")).split("\n").map((line) => line.split(/\s+/));
      return Object.fromEntries(
        lines.flatMap(([name = "", kind, , , , info = ""]) => (kind === "BGP" ? [[name, info]] : [])),
      );
    },
  };
}

/** What BIRD says to `show route all`, with the names of the protocols that the routes came by. */
export function readBirdRoutes(text: string): readonly Readonly<{ protocol: string; route: BirdRoute }>[] {
  const routes: { protocol: string; route: BirdRoute }[] = [];
  let prefix = "";
  // Each route begins with a line that is not indented; of several to one prefix only the first repeats it.
  for (const block of text.split(/\n(?=\S|\s{20,}unicast|\s{20,}unreachable)/)) {
    prefix = /^([0-9a-f.:]+\/\d+)/.exec(block)?.[1] ?? prefix;
    const field = (name: string): string => new RegExp(`BGP\\.${name}: ?(.*)`).exec(block)?.[1]?.trim() ?? "";
    if (!block.includes("BGP.next_hop")) continue;
    const protocol = /(?:unicast|unreachable) \[(\S+)/.exec(block)?.[1] ?? "";
    const route: BirdRoute = {
      prefix,
      nextHop: field("next_hop").split(" ")[0] ?? "",
      asPath: field("as_path"),
      localPref: Number(field("local_pref")),
      communities: field("community"),
      largeCommunities: field("large_community"),
    };
    routes.push({ protocol, route });
  }
  const keyOf = ({ route }: (typeof routes)[number]): string => `${route.prefix} ${route.nextHop}`;
  return routes.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}
