import { faultAt } from "../config/place.js";
import { called, type LintConfiguration } from "./lint-configurations.js";
import { findingOf, type LintFinding } from "./lint-rules.js";

const REMEDY = "put the advertisement into the namespace of its pools: in another one it does nothing";

/**
 * Finds advertisements for pools that are in another namespace, by name or by asking for all pools where there are
 * none, and puts that in the place of what is told of them otherwise.
 * @returns the findings of all configurations
 */
export function joinFindings(configurations: readonly LintConfiguration[]): readonly LintFinding[] {
  const homes = new Map<string, string>(); // by name of the pool
  for (const { reading, namespace } of configurations) {
    for (const { name } of reading.resources.pools) homes.set(name, namespace);
  }
  const poolNamespaces = [...new Set(homes.values())].toSorted();
  const findings: LintFinding[] = [];
  for (const configuration of configurations) {
    const astray = strayAdvertisements(configuration, homes, poolNamespaces);
    const replaced = new Set(astray.map(({ object, path }) => `${object} ${path}`));
    const others = configuration.findings.filter(
      ({ rule, object, path }) => rule !== "pool-undefined" || !replaced.has(`${object} ${path}`),
    );
    findings.push(...called(configuration, [...astray, ...others]));
  }
  return findings;
}

function strayAdvertisements(
  { reading, namespace, findings: own }: LintConfiguration,
  homes: ReadonlyMap<string, string>,
  poolNamespaces: readonly string[],
): LintFinding[] {
  const { layer2Advertisements, bgpAdvertisements, pools } = reading.resources;
  const unknown = new Set(own.filter(({ rule }) => rule === "pool-undefined").map(({ value }) => value));
  const findings: LintFinding[] = [];
  for (const { pools: choice, context } of [...layer2Advertisements, ...bgpAdvertisements]) {
    const { place } = context;
    for (const { name, path } of choice.names) {
      const home = homes.get(name);
      if (!unknown.has(name) || home === undefined) continue;
      const problem = `is the name of a pool in namespace ${home}, and this is ${namespace}`;
      findings.push(findingOf("advertisement-namespace", faultAt(place, path, name, problem, REMEDY)));
    }
    if (choice.names.length > 0 || pools.length > 0) continue;
    const path = "/metadata/namespace";
    if (poolNamespaces.length > 0) {
      const problem = `is a namespace without any pool; the pools are in ${poolNamespaces.slice(0, 5).join(", ")}`;
      findings.push(findingOf("advertisement-namespace", faultAt(place, path, namespace, problem, REMEDY)));
    } else {
      const problem = "is a namespace without any IPAddressPool, so this advertises nothing";
      const remedy = "make an IPAddressPool in it, or remove the advertisement";
      findings.push(findingOf("unused", faultAt(place, path, namespace, problem, remedy)));
    }
  }
  return findings;
}
