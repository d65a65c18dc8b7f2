import type { LabelSelector, Pool } from "../config/model.js";
import { faultAt, type Place } from "../config/place.js";
import { isRecord } from "../config/read-documents.js";
import type { AdvertisementOf } from "../config/resource-advertisements.js";
import type { LintConfiguration } from "./lint-configurations.js";
import type { LintInput } from "./lint-input.js";
import { createLabelIndex, type MatchesAny } from "./lint-label-index.js";
import { findingOf, type LintFinding, type RuleId } from "./lint-rules.js";
import { HIDDEN_VALUE } from "../runtime/net/fault.js";

/** What selectors can be held against; undefined for kinds that the input has none of. */
export type Surroundings = Readonly<{
  nodes: MatchesAny | undefined;
  services: MatchesAny | undefined;
  namespaces: MatchesAny | undefined;
  namespaceNames: ReadonlySet<string>;
}>;

export function surroundingsOf({ nodes, services, namespaces }: LintInput): Surroundings {
  const index = (objects: readonly Readonly<{ labels: Readonly<Record<string, string>> }>[]): MatchesAny | undefined =>
    objects.length === 0 ? undefined : createLabelIndex(objects.map(({ labels }) => labels));
  return {
    nodes: index(nodes.map(({ view }) => view)),
    services: index(services.map(({ view }) => view)),
    namespaces: index(namespaces),
    namespaceNames: new Set(namespaces.map(({ name }) => name)),
  };
}

/** Finds what is legal in a configuration and yet leads nowhere. */
export function lintLinks(configuration: LintConfiguration, surroundings: Surroundings): readonly LintFinding[] {
  const findings: LintFinding[] = [];
  const tell: Tell = (rule, place, path, value, problem, remedy) => {
    findings.push(findingOf(rule, faultAt(place, path, value, problem, remedy)));
  };
  lintAdvertisements(configuration, surroundings, tell);
  lintPools(configuration, surroundings, tell);
  lintPeers(configuration, surroundings, tell);
  lintBfdProfiles(configuration, tell);
  const { legacy } = configuration.reading;
  if (legacy?.peerAutodiscovery !== undefined) {
    const { nodeSelectors } = legacy.peerAutodiscovery;
    lintNodeSelectors(nodeSelectors, legacy.place, "/peer-autodiscovery/node-selectors", surroundings, tell);
  }
  return findings;
}

type Tell = (rule: RuleId, place: Place, path: string, value: unknown, problem: string, remedy: string) => void;

const NODES_PROBLEM = "matches none of the Nodes here";
const NODES_REMEDY = "correct the labels, if the Nodes here are all that there are";
const SERVICES_PROBLEM = "matches none of the Services here";
const SERVICES_REMEDY = "correct the labels, if the Services here are all that there are";

function lintAdvertisements({ reading, findings }: LintConfiguration, surroundings: Surroundings, tell: Tell): void {
  const { layer2Advertisements, bgpAdvertisements, pools } = reading.resources;
  const advertisements: readonly AdvertisementOf<SelectingNodes>[] = [...layer2Advertisements, ...bgpAdvertisements];
  const poolLabels = createLabelIndex(pools.map(({ labels }) => labels));
  const hasFaults = new Set(findings.filter(({ severity }) => severity === "error").map(({ object }) => object));
  for (const { meaning, pools: choice, context } of advertisements) {
    const { place } = context;
    if (hasFaults.has(place.object)) continue; // a selector that was refused is missing
    const isAstray = pools.length === 0; // told where the namespaces are compared
    if (choice.selectors !== undefined && choice.names.length === 0 && !isAstray && !poolLabels(choice.selectors)) {
      const remedy = "correct the labels here or at the pools, or name the pools under ipAddressPools";
      const problem = "matches no IPAddressPool of this namespace";
      tell(
        "pool-selector-matches-nothing",
        place,
        "/spec/ipAddressPoolSelectors",
        shown(choice.selectors),
        problem,
        remedy,
      );
    }
    lintNodeSelectors(meaning.nodeSelectors, place, "/spec/nodeSelectors", surroundings, tell);
    if (surroundings.services?.(meaning.serviceSelectors) === false) {
      const path = "/spec/serviceSelectors";
      const value = shown(meaning.serviceSelectors);
      tell("service-selector-matches-nothing", place, path, value, SERVICES_PROBLEM, SERVICES_REMEDY);
    }
  }
}
type SelectingNodes = Readonly<{ nodeSelectors: readonly LabelSelector[]; serviceSelectors: readonly LabelSelector[] }>;

function lintNodeSelectors(
  selectors: readonly LabelSelector[],
  place: Place,
  path: string,
  { nodes }: Surroundings,
  tell: Tell,
): void {
  if (nodes?.(selectors) !== false) return;
  tell("node-selector-matches-nothing", place, path, shown(selectors), NODES_PROBLEM, NODES_REMEDY);
}

/** A selector as kubectl takes it: `a=b,c in (d,e)`. */
function shown(selectors: readonly LabelSelector[]): string {
  return selectors
    .map(({ matchLabels, matchExpressions }) =>
      [
        ...matchLabels.map(([key, value]) => `${key}=${value}`),
        ...matchExpressions.map(({ key, operator, values }) => {
          if (operator === "Exists") return key;
          if (operator === "DoesNotExist") return `!${key}`;
          return `${key} ${operator.toLowerCase()} (${values.join()})`;
        }),
      ].join(),
    )
    .join(" or ");
}

function lintPools(configuration: LintConfiguration, surroundings: Surroundings, tell: Tell): void {
  const { resources, legacy, pieces } = configuration.reading;
  for (const { serviceAllocation, place } of resources.pools) {
    if (serviceAllocation === undefined) continue;
    const { serviceSelectors, namespaceSelectors, namespaces } = serviceAllocation;
    const path = "/spec/serviceAllocation";
    if (surroundings.services?.(serviceSelectors) === false) {
      const value = shown(serviceSelectors);
      const where = `${path}/serviceSelectors`;
      tell("service-selector-matches-nothing", place, where, value, SERVICES_PROBLEM, SERVICES_REMEDY);
    }
    const remedy = "correct it, if the Namespaces here are all that there are";
    if (surroundings.namespaces === undefined) continue;
    if (!surroundings.namespaces(namespaceSelectors)) {
      const problem = "matches none of the Namespaces here";
      tell(
        "namespace-matches-nothing",
        place,
        `${path}/namespaceSelectors`,
        shown(namespaceSelectors),
        problem,
        remedy,
      );
    }
    const unknown = namespaces.filter((name) => !surroundings.namespaceNames.has(name));
    if (unknown.length > 0) {
      const problem = "is none of the Namespaces here";
      tell("namespace-matches-nothing", place, `${path}/namespaces`, unknown.join(), problem, remedy);
    }
  }
  if (pieces.peers.length > 0 || hasOtherPeers(configuration)) return;
  const places = new Map<string, readonly [Place, string]>();
  for (const { name, path } of legacy?.pools ?? []) {
    if (legacy !== undefined) places.set(name, [legacy.place, `${path}/name`]);
  }
  for (const { name, place } of resources.pools) places.set(name, [place, "/metadata/name"]);
  for (const { name } of pieces.pools.filter(isBgpAlone)) {
    const [place, path] = places.get(name) ?? [];
    if (place === undefined || path === undefined) continue;
    const problem = "is announced by BGP alone, and there is no peer to announce it to";
    tell("bgp-without-peer", place, path, name, problem, "add a peer, or announce the pool by layer 2");
  }
}

function isBgpAlone({ bgp, layer2 }: Pool): boolean {
  return bgp.length > 0 && layer2.length === 0;
}

/** Peers that are written and could not be read, or that are found when the program runs. */
function hasOtherPeers({ documents, reading: { legacy, result } }: LintConfiguration): boolean {
  if (!result.ok && (legacy?.faults.length ?? 0) > 0) return true;
  return legacy?.peerAutodiscovery !== undefined || documents.some(({ kind }) => kind === "BGPPeer");
}

const PASSWORD_REMEDY = "put it into a Secret of type kubernetes.io/basic-auth and name that in passwordSecret";
const PASSWORD_PROBLEM = "stands in the manifest in clear text";

function lintPeers({ reading, documents }: LintConfiguration, surroundings: Surroundings, tell: Tell): void {
  const { resources, legacy } = reading;
  const inClearText = new Set(
    documents.flatMap((document) => {
      const spec = document.kind === "BGPPeer" ? document.body["spec"] : undefined;
      return isRecord(spec) && typeof spec["password"] === "string" && spec["password"] !== "" ? [document.name] : [];
    }),
  );
  for (const { peer, place } of resources.peers) {
    lintNodeSelectors(peer.nodeSelectors, place, "/spec/nodeSelectors", surroundings, tell);
    if (!inClearText.has(peer.name)) continue;
    tell("password-in-clear-text", place, "/spec/password", HIDDEN_VALUE, PASSWORD_PROBLEM, PASSWORD_REMEDY);
  }
  for (const { peer, path } of legacy?.peers ?? []) {
    if (legacy === undefined) break;
    const { place } = legacy;
    lintNodeSelectors(peer.nodeSelectors, place, `${path}/node-selectors`, surroundings, tell);
    if (peer.password === undefined) continue;
    const remedy = "convert to resources, which have passwords in Secrets: smelter migrate convert";
    tell("password-in-clear-text", place, `${path}/password`, HIDDEN_VALUE, PASSWORD_PROBLEM, remedy);
  }
}

function lintBfdProfiles({ reading, documents }: LintConfiguration, tell: Tell): void {
  const { resources, legacy } = reading;
  const used = new Set<unknown>(legacy?.peers.map(({ peer }) => peer.bfdProfile));
  for (const { kind, body } of documents) {
    if (kind === "BGPPeer" && isRecord(body["spec"])) used.add(body["spec"]["bfdProfile"]);
  }
  const problem = "is a BFD profile that no peer uses";
  const remedy = "name it at the peers that should have it, or remove it";
  for (const { profile, place } of resources.bfdProfiles) {
    if (!used.has(profile.name)) tell("bfd-profile-unused", place, "/metadata/name", profile.name, problem, remedy);
  }
  if (legacy === undefined || legacy.faults.length > 0) return; // a peer may be missing that uses it
  for (const { profile, path } of legacy.bfdProfiles) {
    if (!used.has(profile.name))
      tell("bfd-profile-unused", legacy.place, `${path}/name`, profile.name, problem, remedy);
  }
}
