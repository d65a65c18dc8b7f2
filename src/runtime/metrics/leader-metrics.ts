import { createGauge, type Registry } from "./registry.js";

/** @returns what tells whether this process leads; the name is that of Go's clients, `lease` becomes the label */
export function createLeaderGauge(registry: Registry, lease: string): (isLeading: boolean) => void {
  const help = "1 where this process holds the Lease and writes, 0 where another one may";
  const gauge = createGauge(registry, "leader_election_master_status", help, ["name"]);
  const set = (isLeading: boolean): void => gauge.set({ name: lease }, isLeading ? 1 : 0);
  set(false);
  return set;
}
