/** A long-lived process in a host's namespace: its output, its signals, its end, what it costs. */
import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { statFields } from "./owner.js";
import { within } from "./until.js";

export type SpawnOptions = Readonly<{
  /** How messages call it; the command's last path part if left out. */
  name?: string;
  /** Added to this process's environment; undefined takes a variable away. */
  env?: Readonly<Record<string, string | undefined>>;
  cwd?: string;
  /** Give its output to this file instead of keeping it in memory; `output` and `waitForOutput` then see nothing. */
  logFile?: string;
  /** Runs it as this user and group with exactly these capabilities, e.g. ["net_raw"]; as root with all if left out. */
  privileges?: Readonly<{ uid: number; capabilities: readonly string[] }>;
  /** Nothing that is mounted can be written, but for /dev, /proc and /sys, as in a container with a read-only root. */
  readOnlyRoot?: boolean;
}>;

export type Ended = Readonly<{ code: number | null; signal: NodeJS.Signals | null }>;

export type Usage = Readonly<{ rssMiB: number; peakRssMiB: number; cpuMs: number; threads: number }>;

export type LabProcess = Readonly<{
  name: string;
  pid: number;
  /** The last 8 MiB of stdout and stderr in the order of arrival, or of one of them. */
  output: (stream?: "stdout" | "stderr") => string;
  /** A place in the output: `waitForOutput(pattern, { since: mark() })` looks only at what comes later. */
  mark: () => number;
  /** Waits until the output has the pattern (it may be there already); rejects when the process ends without it. */
  waitForOutput: (
    pattern: RegExp | string,
    options?: Readonly<{ deadlineMs?: number; since?: number }>,
  ) => Promise<RegExpExecArray>;
  /** Sends a signal. Does nothing when it has ended. */
  signal: (signal: NodeJS.Signals) => void;
  /** SIGSTOP: it holds its sockets and memory but does nothing, until `continue`. */
  stop: () => void;
  continue: () => void;
  /** SIGKILL, and waits for the end. */
  kill: () => Promise<Ended>;
  /** SIGTERM, and waits for the end; SIGKILL and a rejection after the deadline. */
  terminate: (options?: Readonly<{ deadlineMs?: number }>) => Promise<Ended>;
  running: () => boolean;
  /** Resolves when it has ended and all its output is here. */
  ended: Promise<Ended>;
  /** What it costs now. Throws when it has ended. */
  usage: () => Usage;
}>;

const KEPT = 8 * 1024 * 1024;

/** Starts `argv` in a network namespace. It ends with this process, whatever way this process ends. */
export function spawnIn(namespace: string, argv: readonly string[], options: SpawnOptions = {}): LabProcess {
  const name = options.name ?? argv[0]?.split("/").at(-1) ?? "nothing";
  const log = options.logFile === undefined ? "pipe" : openSync(options.logFile, "a");
  const child = startIn(namespace, argv, options, ["ignore", log, log]);
  if (typeof log === "number") closeSync(log);
  return watch(child, name);
}

/** The bare child process, for those who talk to it over its stdin or an IPC channel. */
export function startIn(
  namespace: string,
  argv: readonly string[],
  { env = {}, cwd, privileges, readOnlyRoot = false }: SpawnOptions,
  stdio: readonly ("pipe" | "ignore" | "inherit" | "ipc" | number)[],
): ChildProcess {
  // Each of these replaces itself by the next, so the pid is the program's own. The parent-death signal is the kernel's
  // word that nothing outlives this process, even one that is killed.
  const line = [
    "ip",
    "netns",
    "exec",
    namespace,
    ...(readOnlyRoot ? READ_ONLY : []),
    "setpriv",
    "--pdeathsig",
    "KILL",
    ...privilegeFlags(privileges),
    "--",
  ];
  const [command = "", ...args] = [...line, ...argv];
  const all = Object.entries({ ...process.env, ...env }).filter(([, value]) => value !== undefined);
  return spawn(command, args, {
    stdio: [...stdio],
    env: Object.fromEntries(all),
    ...(cwd === undefined ? {} : { cwd }),
  });
}

/** In a mount namespace of its own: the machine's mounts stay as they are. */
const READ_ONLY = [
  "unshare",
  "--mount",
  "--propagation",
  "private",
  "sh",
  "-c",
  `awk '$6 ~ /^rw/ && $5 !~ /^\\/(dev|proc|sys)(\\/|$)/ { print $5 }' /proc/self/mountinfo | sort -u |
    xargs -r -n 1 mount -o remount,bind,ro && exec "$@"`,
  "sh",
];

function privilegeFlags(privileges: SpawnOptions["privileges"]): readonly string[] {
  if (privileges === undefined) return [];
  const { uid, capabilities } = privileges;
  const set = ["-all", ...capabilities.map((name) => `+${name}`)].join(",");
  const user = uid === 0 ? [] : ["--reuid", `${uid}`, "--regid", `${uid}`, "--clear-groups"];
  // Root would get every capability of its bounding set back at the next program; another user keeps ambient ones.
  const ambient = uid === 0 ? [] : ["--inh-caps", set, "--ambient-caps", set];
  return [...user, ...ambient, "--bounding-set", set, "--no-new-privs"];
}

function watch(child: ChildProcess, name: string): LabProcess {
  const { pid } = child;
  let text = ""; // BOUNDED by KEPT: the oldest part goes
  let dropped = 0;
  const parts = { stdout: "", stderr: "" };
  const listeners = new Set<() => void>(); // BOUNDED by the waits in flight
  const tell = (): void => listeners.forEach((look) => look());
  let end: Ended | undefined;

  const keep = (stream: "stdout" | "stderr") => (chunk: string) => {
    parts[stream] = (parts[stream] + chunk).slice(-KEPT);
    text += chunk;
    const excess = Math.max(0, text.length - KEPT);
    [text, dropped] = [text.slice(excess), dropped + excess];
    tell();
  };
  child.stdout?.setEncoding("utf8").on("data", keep("stdout"));
  child.stderr?.setEncoding("utf8").on("data", keep("stderr"));

  const ended = new Promise<Ended>((resolve) => {
    const finish = (how: Ended): void => {
      end = how;
      tell();
      resolve(how);
    };
    child.on("error", (error) => keep("stderr")(`${error.message}\n`)); // it could not be started; close follows or not
    child.on("close", (code, signal) => finish({ code, signal }));
    // A grandchild that holds the output open does not count as the program's being alive.
    child.on("exit", (code, signal) => setTimeout(() => end ?? finish({ code, signal }), 500).unref());
    if (pid === undefined) child.on("error", () => finish({ code: 127, signal: null }));
  });

  const describeEnd = (): string => `${name} ended with ${end?.signal ?? `exit code ${end?.code}`}`;
  const lastWords = (): string => `its output ends with:\n${text.slice(-4000)}`;

  function waitForOutput(
    pattern: RegExp | string,
    { deadlineMs = 10_000, since = 0 }: Readonly<{ deadlineMs?: number; since?: number }> = {},
  ): Promise<RegExpExecArray> {
    const wanted =
      typeof pattern === "string"
        ? new RegExp(pattern.replaceAll(/[$()*+.?[\\\]^{|}]/g, "\\$&"))
        : new RegExp(pattern, flags(pattern));
    const found = new Promise<RegExpExecArray>((resolve, reject) => {
      const look = (): void => {
        const match = wanted.exec(text.slice(Math.max(0, since - dropped)));
        if (match === null && end === undefined) return;
        listeners.delete(look);
        if (match === null) reject(new Error(`${describeEnd()} and never wrote ${wanted}; ${lastWords()}`));
        else resolve(match);
      };
      listeners.add(look);
      look();
    });
    return within(found, { what: `${name} to write ${wanted}`, deadlineMs }).catch((error: unknown) => {
      if (end !== undefined) throw error;
      throw new Error(`${(error as Error).message}; ${lastWords()}`, { cause: error });
    });
  }

  const running = (): boolean => end === undefined && child.exitCode === null && child.signalCode === null;
  const signal = (which: NodeJS.Signals): void => void (running() && child.kill(which));

  async function kill(): Promise<Ended> {
    signal("SIGKILL");
    return ended;
  }

  async function terminate({ deadlineMs = 10_000 }: Readonly<{ deadlineMs?: number }> = {}): Promise<Ended> {
    signal("SIGTERM");
    try {
      return await within(ended, { what: `${name} to end after SIGTERM`, deadlineMs });
    } catch (cause) {
      await kill();
      throw new Error(`${(cause as Error).message}; ${lastWords()}`, { cause });
    }
  }

  return {
    name,
    pid: pid ?? -1,
    output: (stream) => (stream === undefined ? text : parts[stream]),
    mark: () => dropped + text.length,
    waitForOutput,
    signal,
    stop: () => signal("SIGSTOP"),
    continue: () => signal("SIGCONT"),
    kill,
    terminate,
    running,
    ended,
    usage: () => usageOf(pid ?? -1),
  };
}

/** What a process costs by /proc. Clock ticks are hundredths of a second on Linux (USER_HZ). */
export function usageOf(pid: number): Usage {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const number = (field: string): number => Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0);
  const fields = statFields(readFileSync(`/proc/${pid}/stat`, "utf8"));
  return {
    rssMiB: number("VmRSS") / 1024,
    peakRssMiB: number("VmHWM") / 1024,
    cpuMs: (Number(fields[11]) + Number(fields[12])) * 10,
    threads: number("Threads"),
  };
}

const flags = (pattern: RegExp): string => pattern.flags.replaceAll(/[gy]/g, "");
