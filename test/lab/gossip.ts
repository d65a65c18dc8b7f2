/** Members of gossip on hosts of the lab: ours, and those of the library that the releases use, with one face for both. */
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { build } from "esbuild";
import type { MembershipParameters } from "../../src/runtime/membership/parameters.js";
import type { Joined, MembershipCounters } from "../../src/runtime/speaker/membership.js";
import type { Host } from "./host.js";
import { repositoryRoot, testbedFolder } from "./places.js";
import { startIn } from "./process.js";
import { until } from "./until.js";

export type GossipCall = Readonly<{
  id: number;
  name: string;
  call: "start" | "join" | "members" | "metadata" | "keys" | "counters" | "leave" | "stop";
  list: readonly string[];
  /** Of start: whether it says that it is one of our speakers, who watch each other. */
  heartbeats: boolean;
  parameters: Partial<MembershipParameters>;
}>;
export type GossipAnswer =
  | Readonly<{ id: number; value?: unknown }>
  | Readonly<{ id: number; failure: string }>
  | Readonly<{ by: string; said: string }>;

export type MemberOptions = Readonly<{
  name: string;
  address: string;
  metadata?: string;
  /** In place of metadata: what our speakers say of themselves, by which they watch each other. */
  heartbeats?: boolean;
  /** Hexadecimal, the primary first. */
  keys?: readonly string[];
}>;

export type GossipMember = Readonly<{
  name: string;
  address: string;
  /** Exchanges all that is known with these addresses; rejects where one is not reached. */
  join: (...members: readonly GossipMember[]) => Promise<void>;
  /** `name=metadata` of all that live, this one included, in order. */
  members: () => Promise<readonly string[]>;
  setMetadata: (text: string) => Promise<void>;
  /** From now on these keys, the primary first; the first member of the list stays or becomes known to all before. */
  addKey: (key: string) => Promise<void>;
  useKey: (key: string) => Promise<void>;
  removeKey: (key: string) => Promise<void>;
  leave: () => Promise<void>;
  /** Gone without a word. */
  kill: () => Promise<void>;
  /** What it said of others so far: `joined n2`, `left n2` (the library also says so of the dead), `failed n2`. */
  said: () => readonly string[];
}>;

export type OurMember = GossipMember & Readonly<{ counters: () => Promise<Counters> }>;
type Counters = Omit<MembershipCounters, "dropped" | "reports"> &
  Readonly<{ dropped: Readonly<Record<string, number>>; reports: Readonly<Record<string, number>> }>;

/** Twice as fast as the releases, so that tests need not wait as long. */
const PROBE_INTERVAL_MILLISECONDS = 500;
const PROBE_TIMEOUT_MILLISECONDS = 250;

/** A process on a host in which our members run. */
export type OurMembers = Readonly<{
  start: (options: MemberOptions) => Promise<OurMember>;
  /** SIGSTOP, SIGCONT; SIGKILL, after which nothing is answered. */
  signal: (signal: "SIGSTOP" | "SIGCONT" | "SIGKILL") => void;
  end: () => Promise<void>;
}>;

export async function startOurMembers(host: Host, folder: string): Promise<OurMembers> {
  const agent = join(folder, "gossip-agent.mjs");
  await build({
    entryPoints: [join(repositoryRoot(), "test/lab/gossip-agent.ts")],
    outfile: agent,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20.19",
    logLevel: "warning",
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  });
  const child = startIn(host.namespace, [process.execPath, agent], {}, ["ignore", "inherit", "inherit", "ipc"]);
  const waiting = new Map<number, (answer: GossipAnswer) => void>(); // BOUNDED by the calls in flight
  const said = new Map<string, string[]>(); // BOUNDED by what a test lets happen
  let nextId = 1;
  child.on("message", (answer: GossipAnswer) => {
    if ("by" in answer) said.get(answer.by)?.push(answer.said);
    else waiting.get(answer.id)?.(answer);
  });
  const ended = once(child, "exit");
  child.once("exit", () => {
    for (const [id, tell] of waiting) tell({ id, failure: "its process has ended" });
  });

  function ask(
    name: string,
    call: GossipCall["call"],
    list: readonly string[] = [],
    heartbeats = false,
  ): Promise<unknown> {
    if (!child.connected) return Promise.reject(new Error(`Cannot ${call} as ${name}: its process has ended`));
    const id = nextId;
    nextId += 1;
    const parameters = {
      probeIntervalMilliseconds: PROBE_INTERVAL_MILLISECONDS,
      probeTimeoutMilliseconds: PROBE_TIMEOUT_MILLISECONDS,
    };
    child.send({ id, name, call, list, heartbeats, parameters } satisfies GossipCall);
    return new Promise((resolve, reject) => {
      waiting.set(id, (answer) => {
        waiting.delete(id);
        if ("failure" in answer) reject(new Error(`Cannot ${call} as ${name}: ${answer.failure}`));
        else resolve("value" in answer ? answer.value : undefined);
      });
    });
  }

  return {
    async start({ name, address, metadata = "", heartbeats = false, keys = [] }) {
      said.set(name, []);
      await ask(name, "start", [address, metadata, ...keys], heartbeats);
      let ring = [...keys];
      const setRing = async (next: readonly string[]): Promise<void> => {
        ring = [...next];
        await ask(name, "keys", ring);
      };
      return {
        name,
        address,
        async join(...members) {
          const { failed } = (await ask(
            name,
            "join",
            members.map((member) => member.address),
          )) as Joined;
          if (failed.length > 0) throw new Error(`${name} did not reach ${JSON.stringify(failed)}`);
        },
        members: async () => (await ask(name, "members")) as string[],
        setMetadata: async (text) => void (await ask(name, "metadata", [text])),
        addKey: (key) => setRing([...ring, key]),
        useKey: (key) => setRing([key, ...ring.filter((one) => one !== key)]),
        removeKey: (key) => setRing(ring.filter((one) => one !== key)),
        leave: async () => void (await ask(name, "leave")),
        kill: async () => void (await ask(name, "stop")),
        said: () => said.get(name) ?? [],
        counters: async () => (await ask(name, "counters")) as Counters,
      };
    },
    signal: (signal) => void child.kill(signal),
    async end() {
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}

/** v0.5 is what releases since v0.13 have, v0.1 those before. */
export type Library = "memberlist" | "memberlist-v0.1";

export async function startLibraryMember(
  host: Host,
  library: Library,
  { name, address, metadata = "", keys = [] }: MemberOptions,
): Promise<GossipMember> {
  const program = join(testbedFolder(library), "memberlist-peer");
  const flags = [`-name=${name}`, `-address=${address}`, `-metadata=${metadata}`, `-keys=${keys.join(",")}`];
  const speed = [`-probe-interval=${PROBE_INTERVAL_MILLISECONDS}ms`, `-probe-timeout=${PROBE_TIMEOUT_MILLISECONDS}ms`];
  const child = startIn(host.namespace, [program, ...flags, ...speed], {}, ["pipe", "pipe", "inherit"]);
  const said: string[] = []; // BOUNDED by what a test lets happen
  const answers: ((answer: Record<string, unknown>) => void)[] = []; // BOUNDED by the calls in flight
  const ended = once(child, "exit");
  let ready = false;
  if (child.stdout === null || child.stdin === null) throw new Error(`Cannot talk to ${name}: it has no pipes`);
  const { stdin } = child;
  createInterface(child.stdout).on("line", (line) => {
    const { event, ...rest } = JSON.parse(line) as Record<string, unknown>;
    if (event === undefined) answers.shift()?.(rest);
    else if (event === "ready") ready = true;
    else said.push(`${event === "join" ? "joined" : event === "leave" ? "left" : "updated"} ${String(rest["name"])}`);
  });
  await until(() => ready, { what: `${name} to start` });

  async function ask(...words: readonly string[]): Promise<Record<string, unknown>> {
    const answer = new Promise<Record<string, unknown>>((resolve) => answers.push(resolve));
    stdin.write(`${words.join(" ")}\n`);
    const result = await answer;
    if (result["error"] !== undefined) throw new Error(`Cannot ${words[0]} as ${name}: ${String(result["error"])}`);
    return result;
  }

  return {
    name,
    address,
    join: async (...members) => void (await ask("join", ...members.map((member) => member.address))),
    members: async () => (await ask("members"))["members"] as string[],
    setMetadata: async (text) => void (await ask("metadata", text)),
    addKey: async (key) => void (await ask("add-key", key)),
    useKey: async (key) => void (await ask("use-key", key)),
    removeKey: async (key) => void (await ask("remove-key", key)),
    leave: async () => void (await ask("leave")),
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
    said: () => said,
  };
}
