/**
 * Removing a lab, in every case: when it is closed, when its process ends or is told to end by a signal, and, for a
 * process that had no chance (SIGKILL), when the next lab is made.
 */
import { existsSync, readdirSync, readlinkSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runNow } from "./command.js";
import { isLeftover } from "./owner.js";

const NAMESPACES = "/run/netns"; // where `ip netns` keeps them

/** The names of the labs that this process has open. BOUNDED by the labs it makes; close() takes them off. */
const open = new Set<string>();
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** From now on nothing of the lab outlives this process. To be called before anything of it is made. */
export function guard(name: string): void {
  if (open.size === 0) {
    process.on("exit", removeOpenLabs);
    for (const signal of SIGNALS) process.on(signal, endBy);
  }
  open.add(name);
}

/** Ends what runs in the lab's namespaces and removes them and its folder. Can be called again. */
export function removeLab(name: string): void {
  removeAll((entry) => entry === name || entry.startsWith(`${name}-`));
  open.delete(name);
  if (open.size > 0) return;
  process.off("exit", removeOpenLabs);
  for (const signal of SIGNALS) process.off(signal, endBy);
}

/** Removes the labs whose creating process is gone; those of processes that are alive are left alone. */
export function removeLeftovers(): void {
  removeAll(isLeftover);
}

/** The names of namespaces and temporary folders that labs of dead processes left behind. */
export function leftovers(): readonly string[] {
  return [...entries(NAMESPACES), ...entries(tmpdir())].filter(isLeftover);
}

function removeOpenLabs(): void {
  for (const name of open) removeLab(name);
}

function endBy(signal: NodeJS.Signals): void {
  removeOpenLabs(); // also takes this handler off
  // Alone, the signal does what it would have done without us. Another handler decides for itself what it means.
  if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
}

/** Ends what runs in these namespaces, and removes them. */
export function removeNamespaces(namespaces: readonly string[]): void {
  if (namespaces.length === 0) return;
  killInside(namespaces);
  runNow(["ip", "-force", "-batch", "-"], namespaces.map((name) => `netns delete ${name}\n`).join(""));
}

function removeAll(isOurs: (name: string) => boolean): void {
  removeNamespaces(entries(NAMESPACES).filter(isOurs));
  for (const folder of entries(tmpdir()).filter(isOurs)) {
    rmSync(join(tmpdir(), folder), { recursive: true, force: true, maxRetries: 3 });
  }
}

/** SIGKILL for every process in these namespaces, grandchildren too, and waits (2 s at most) until they are gone. */
function killInside(namespaces: readonly string[]): void {
  const own = namespaceOf("self"); // a name that is no mount (the machine was restarted) must never mean everything
  const inodes = new Set(
    namespaces
      .map((name) => statSync(join(NAMESPACES, name), { throwIfNoEntry: false }))
      .flatMap((stat) => (stat === undefined || `net:[${stat.ino}]` === own ? [] : [`net:[${stat.ino}]`])),
  );
  for (let round = 0; round < 1000; round += 1) {
    const victims = entries("/proc").filter((pid) => /^\d+$/.test(pid) && inodes.has(namespaceOf(pid)));
    if (victims.length === 0) return; // a zombie has no namespace any more
    for (const pid of victims) {
      try {
        process.kill(Number(pid), "SIGKILL");
      } catch {
        // ended by itself in the meantime
      }
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2); // this also runs at exit, where nothing can await
  }
}

function namespaceOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return ""; // ended in the meantime
  }
}

function entries(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}
