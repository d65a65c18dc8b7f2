/** A machine of the lab: a network namespace, what can be run in it and which sockets it has. */
import { attempt, run, type Output } from "./command.js";
import { spawnIn, type LabProcess, type SpawnOptions } from "./process.js";
import { createSockets, type Sockets } from "./sockets.js";
import { createWire, type Wire, type WirePlan } from "./wire.js";
import {
  askUdp,
  fetchFrom,
  serveHttp,
  serveUdp,
  type Answer,
  type FetchOptions,
  type Page,
  type Served,
} from "./web.js";

export type Host = Wire &
  Readonly<{
    name: string;
    /** For `ip netns exec`. */
    namespace: string;
    /** Its own addresses, without prefix length. */
    ipv4: string;
    ipv6: string;
    /** Its interface is called eth0; this is its MAC address. */
    mac: string;
    /** Runs a command to its end: stdout, or a rejection with stderr when the exit code is not 0. */
    exec: (argv: readonly string[], input?: string) => Promise<string>;
    /** Runs a command to its end, whatever its exit code. */
    attempt: (argv: readonly string[], input?: string) => Promise<Output>;
    /** Starts a program that runs until it ends, is killed, or the lab is closed. */
    spawn: (argv: readonly string[], options?: SpawnOptions) => LabProcess;
    /** An HTTP exchange from this host over a connection of its own. */
    fetch: (url: string, options?: FetchOptions) => Promise<Page>;
    /** An HTTP server on this host: a fixed text (its name if left out) or a handler that runs in this process. */
    serveHttp: (port: number, answer?: Answer, address?: string) => Promise<Served>;
    /** One datagram from this host, and the first answer to it. */
    askUdp: (
      to: Readonly<{ host: string; port: number; timeoutMs?: number }>,
      question: Buffer | string,
    ) => Promise<Buffer>;
    /** A UDP server on this host; its name is the answer if none is given. */
    serveUdp: (port: number, answer?: (question: Buffer) => Buffer | string, address?: string) => Promise<Served>;
    /** Sockets of this host for anything else. */
    sockets: Sockets;
  }>;

export type HostPlan = WirePlan & Readonly<{ ipv6: string }>;

/** @param started hears of each process, so that closing the lab can wait for its end */
export function createHost(plan: HostPlan, started: (process: LabProcess) => void): Host {
  const { name, namespace, ipv4, ipv6, mac } = plan;
  const inside = ["ip", "netns", "exec", namespace];
  const sockets = createSockets(namespace);
  return {
    ...createWire(plan),
    name,
    namespace,
    ipv4,
    ipv6,
    mac,
    exec: (argv, input) => run([...inside, ...argv], input),
    attempt: (argv, input) => attempt([...inside, ...argv], input),
    spawn: (argv, options = {}) => {
      const process = spawnIn(namespace, argv, { ...options, name: options.name ?? `${argv[0]} on ${name}` });
      started(process);
      return process;
    },
    fetch: (url, options) => fetchFrom(sockets, url, options),
    serveHttp: (port, answer = name, address = ipv4) => serveHttp(sockets, address, port, answer),
    askUdp: (to, question) => askUdp(sockets, to, question),
    serveUdp: (port, answer = () => name, address = ipv4) => serveUdp(sockets, address, port, answer),
    sockets,
  };
}
