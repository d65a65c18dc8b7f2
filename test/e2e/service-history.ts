import { readFileSync } from "node:fs";

/** A state of a Service as a watch showed it. `at`: ms since the epoch. */
export type ServiceState = Readonly<{
  at: number;
  type: "ADDED" | "MODIFIED" | "DELETED";
  key: string;
  ips: readonly string[];
}>;

/** What happened to addresses, in the order in which it was seen. */
export type History = Readonly<{
  /** Two Services had one address at the same time; `milliseconds`: for how long. */
  duplicates: readonly Readonly<{ address: string; keys: readonly string[]; milliseconds: number }>[];
  /** A Service lost an address. `alone`: nobody else had had it meanwhile. */
  changes: readonly Readonly<{ key: string; from: string; to: string; alone: boolean }>[];
  /** At the end. */
  addresses: ReadonlyMap<string, string>;
}>;

/** Reads what watch-services.mjs wrote. */
export function readStates(file: string): readonly ServiceState[] {
  const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as ServiceState).filter(({ key }) => key !== undefined);
}

/** @param until when the last state was in force; ms since the epoch */
export function replay(states: readonly ServiceState[], until: number): History {
  const now = new Map<string, readonly string[]>();
  const holders = new Map<string, Set<string>>();
  const open = new Map<string, { since: number; keys: Set<string> }>();
  const contested = new Map<string, Set<string>>(); // by Service: its addresses that another had, too, meanwhile
  const duplicates: { address: string; keys: string[]; milliseconds: number }[] = [];
  const changes: { key: string; from: string; to: string; alone: boolean }[] = [];

  const close = (address: string, at: number): void => {
    const duplicate = open.get(address);
    if (duplicate === undefined) return;
    duplicates.push({ address, keys: [...duplicate.keys], milliseconds: at - duplicate.since });
    open.delete(address);
  };
  for (const { at, type, key, ips } of states) {
    const before = now.get(key) ?? [];
    const after = type === "DELETED" ? [] : ips;
    now.set(key, after);
    for (const address of before.filter((one) => !after.includes(one))) {
      const alone = contested.get(key)?.has(address) !== true;
      if (type !== "DELETED") changes.push({ key, from: address, to: after.join(), alone });
      contested.get(key)?.delete(address);
      holders.get(address)?.delete(key);
      if ((holders.get(address)?.size ?? 0) < 2) close(address, at);
    }
    for (const address of after.filter((one) => !before.includes(one))) {
      const keys = holders.get(address) ?? new Set<string>();
      holders.set(address, keys.add(key));
      if (keys.size < 2) continue;
      const duplicate = open.get(address) ?? { since: at, keys: new Set<string>() };
      open.set(address, duplicate);
      for (const holder of keys) {
        duplicate.keys.add(holder);
        contested.set(holder, (contested.get(holder) ?? new Set()).add(address));
      }
    }
  }
  for (const address of open.keys()) close(address, until);
  const addresses = [...now].flatMap(([key, ips]) => (ips[0] === undefined ? [] : [[key, ips[0]] as const]));
  return { duplicates, changes, addresses: new Map(addresses) };
}
