import type { LoadedConfig } from "../config/model.js";
import type { Fault } from "../runtime/net/fault.js";

const PATH = "/peer-autodiscovery";
const SAID: ReadonlySet<string> = new Set(["pools", "peers", "bfdProfiles"]);

/**
 * Peers that are read from Nodes: no resource can say how, and without the Nodes they cannot be listed.
 * @param remedy what to do about it
 * @returns nothing where the configuration has none
 */
export function discoveryFaults(
  { model, notices }: Pick<LoadedConfig, "model" | "notices">,
  object: string,
  problem: string,
  remedy: string,
): Fault[] {
  const notice = notices.find(({ path }) => path === PATH);
  if (notice !== undefined) {
    const { class: _, ...fault } = notice;
    return [{ ...fault, problem, remedy }];
  }
  // Whatever else the model has can only be that.
  const others = Object.entries(model).filter(([part, value]) => !SAID.has(part) && !isNothing(value));
  return others.length === 0 ? [] : [{ object, path: PATH, value: "(a mapping)", problem, remedy }];
}

function isNothing(value: unknown): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0);
}

/** For those that make resources of it. */
export const DISCOVERY_BEYOND_RESOURCES = [
  "tells how to find peers on Nodes, which no resource can say",
  "keep a ConfigMap with this key alone beside the resources, which are read together, and convert the rest without it",
] as const;
