/** Sockets made inside a host's namespace, for use in this process. agent.mjs is the other end. */
import type { ChildProcess, SendHandle } from "node:child_process";
import type { Socket as DatagramSocket } from "node:dgram";
import type { Server, Socket } from "node:net";
import { join } from "node:path";
import { repositoryRoot } from "./places.js";
import { startIn } from "./process.js";

export type Sockets = Readonly<{
  /** A TCP connection. Rejects as `net.connect` fails (ECONNREFUSED, EHOSTUNREACH, …), or with ETIMEDOUT. */
  connect: (to: Readonly<{ host: string; port: number; localAddress?: string; timeoutMs?: number }>) => Promise<Socket>;
  /** A listening TCP socket; give it to `server.listen`. */
  listen: (on: Readonly<{ host: string; port: number }>) => Promise<Server>;
  /** A bound UDP socket; port 0 takes any. */
  datagrams: (on: Readonly<{ host: string; port: number }>) => Promise<DatagramSocket>;
  close: () => void;
}>;

type Reply = Readonly<{ id: number; handle?: boolean; ready?: boolean; error?: string; code?: string }>;

type Pending = { handle?: SendHandle; resolve: (handle: SendHandle) => void; reject: (reason: Error) => void };

/** The process inside the namespace is started at the first use. */
export function createSockets(namespace: string): Sockets {
  const pending = new Map<number, Pending>(); // BOUNDED by the requests in flight
  let agent: ChildProcess | undefined;
  let serial = 0;

  function startAgent(): ChildProcess {
    const script = join(repositoryRoot(), "test/lab/agent.mjs");
    const child = startIn(namespace, [process.execPath, script], { env: { NODE_OPTIONS: undefined } }, [
      "ignore",
      "inherit",
      "inherit",
      "ipc",
    ]);
    child.on("message", (message, handle) => take(message as Reply, handle));
    child.on("exit", () => {
      if (agent === child) agent = undefined;
      for (const { reject } of pending.values()) reject(new Error(`the socket maker in ${namespace} has ended`));
      pending.clear();
    });
    child.unref(); // it does not keep this process alive
    child.channel?.unref();
    return child;
  }

  function take({ id, ready, error, code }: Reply, handle: SendHandle | undefined): void {
    const asked = pending.get(id);
    if (asked === undefined) return;
    if (handle !== undefined && handle !== null) asked.handle = handle;
    if (error !== undefined) asked.reject(Object.assign(new Error(error), { code }));
    else if (ready && asked.handle !== undefined) asked.resolve(asked.handle);
    else if (ready) asked.reject(new Error(`the connection was closed before it could be handed over`));
    else return;
    pending.delete(id);
    if (pending.size === 0) agent?.channel?.unref();
  }

  function ask<Handle extends SendHandle>(wanted: Readonly<Record<string, unknown>>): Promise<Handle> {
    agent ??= startAgent();
    const { channel } = agent;
    channel?.ref();
    serial += 1;
    const id = serial;
    return new Promise<Handle>((resolve, reject) => {
      pending.set(id, { resolve: resolve as (handle: SendHandle) => void, reject });
      agent?.send({ id, ...wanted });
    });
  }

  return {
    connect: ({ timeoutMs = 5000, ...to }) => ask({ make: "connection", timeoutMs, ...to }),
    listen: (on) => ask({ make: "listener", ...on }),
    datagrams: (on) => ask({ make: "datagrams", ...on }),
    close: () => agent?.kill("SIGKILL"),
  };
}
