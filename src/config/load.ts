import type { Fault } from "../runtime/net/fault.js";
import type { Result } from "../runtime/net/result.js";
import { refuse, succeed } from "../runtime/net/result.js";
import { attachAdvertisements } from "./attach-advertisements.js";
import type { ChosenDocuments } from "./choose-documents.js";
import { chooseDocuments, sourcesOf } from "./choose-documents.js";
import type { KubernetesDocument } from "./documents.js";
import type { Generation } from "./generations.js";
import type { ResourceReading } from "./join-sources.js";
import { byName, joinBfdProfiles, joinPeers, joinPools } from "./join-sources.js";
import { readLegacyConfigMap } from "./legacy-config-map.js";
import type { LoadedConfig, Model, Notice, Origin } from "./model.js";
import { sortFaults } from "./place.js";
import type { LegacyReading } from "./read-legacy.js";
import type { ResourceBgpAdvertisement, ResourceLayer2Advertisement } from "./resource-advertisements.js";
import { readBgpAdvertisement, readCommunities, readL2Advertisement } from "./resource-advertisements.js";
import type { Findings } from "./resource-context.js";
import { checkEchoOfIPv6 } from "./resource-echo.js";
import { readBfdProfile, readBgpPeer } from "./resource-peers.js";
import { readIpAddressPool } from "./resource-pools.js";

export type LoadOptions = Readonly<{
  /** Where configuration is looked for; objects of other namespaces are ignored. A document without one counts. */
  namespace: string;
  /** Name of the legacy ConfigMap; undefined: the one that findConfigMap() finds. */
  configMapName?: string | undefined;
  /** Read the ConfigMap as strictly as this release did; undefined: as the most lenient did, with notices. */
  generation?: Generation;
}>;

/** More faults than this are not told one by one. */
const MAX_FAULTS = 1000;

/**
 * Makes one model of a legacy ConfigMap, of metallb.io resources, or of both together, where a resource wins over the
 * ConfigMap's twin with a notice. Documents that are no configuration are passed over. Pure, and never throws.
 * @returns the model, or every fault there is, sorted by position: then nothing of it is to be used. Without any
 *   configuration the model is empty and so is `sources`.
 */
export function loadConfig(
  documents: readonly KubernetesDocument[],
  options: LoadOptions,
): Result<LoadedConfig, readonly Fault[]> {
  return loadWithReading(documents, options).result;
}

/** What loadConfig read, part by part; `pieces` and `notices` are of what could be read, also where it is refused. */
export type ConfigReading = Readonly<{
  result: Result<LoadedConfig, readonly Fault[]>;
  legacy: LegacyReading | undefined;
  resources: Resources;
  /** Not to be used as a configuration where `result` is a refusal: pools may overlap, and parts are missing. */
  pieces: Model;
  notices: readonly Notice[];
}>;

/** As loadConfig, and with what was read part by part, for those who judge it or write it in another form. */
export function loadWithReading(documents: readonly KubernetesDocument[], options: LoadOptions): ConfigReading {
  const findings: Findings = { faults: [], notices: [] };
  const chosen = chooseDocuments(documents, options, findings);
  const legacy = chosen.configMap && readLegacyConfigMap(chosen.configMap, options.generation);
  if (legacy !== undefined) {
    findings.faults.push(...legacy.faults);
    findings.notices.push(...legacy.notices);
  }
  const resources = readResources(chosen, findings);
  const pools = byName(joinPools(resources, legacy, findings));
  const peers = byName(joinPeers(resources, legacy, findings));
  const bfdProfiles = byName(joinBfdProfiles(resources, legacy, findings));
  checkPeerNames(resources.bgpAdvertisements, new Set(peers.map(({ piece }) => piece.name)));
  const notices = sortFaults(findings.notices);
  const pieces: Model = {
    pools: pools.map(({ piece }) => piece),
    peers: peers.map(({ piece }) => piece),
    bfdProfiles: bfdProfiles.map(({ piece }) => piece),
    ...(legacy?.peerAutodiscovery && { peerAutodiscovery: legacy.peerAutodiscovery }),
  };
  const reading = { legacy, resources, pieces, notices };
  if (findings.faults.length > 0) return { ...reading, result: refuse(limited(sortFaults(findings.faults))) };
  const origins = new Map<string, readonly Origin[]>([
    ...pools.map(({ piece, origins }) => [`pool/${piece.name}`, origins] as const),
    ...peers.map(({ piece, origins }) => [`peer/${piece.name}`, origins] as const),
    ...bfdProfiles.map(({ piece, origins }) => [`bfdProfile/${piece.name}`, origins] as const),
  ]);
  return { ...reading, result: succeed({ model: pieces, origins, notices, sources: sourcesOf(chosen) }) };
}

/** What was read of the resources, and the advertisements as they were written. */
export type Resources = ResourceReading &
  Readonly<{
    layer2Advertisements: readonly ResourceLayer2Advertisement[];
    bgpAdvertisements: readonly ResourceBgpAdvertisement[];
  }>;

function readResources({ resources, secrets }: ChosenDocuments, findings: Findings): Resources {
  const bfdProfiles = resources.BFDProfile.map((document) => readBfdProfile(document, findings));
  const references = { secrets, bfdProfiles: new Set(bfdProfiles.map(({ profile }) => profile.name)) };
  const peers = resources.BGPPeer.flatMap((document) => readBgpPeer(document, references, findings) ?? []);
  const communities = readCommunities(resources.Community, findings);
  const pools = resources.IPAddressPool.map((document) => readIpAddressPool(document, findings));
  const layer2 = resources.L2Advertisement.map((document) => readL2Advertisement(document, findings));
  const bgpAdvertisements = resources.BGPAdvertisement.map((document) =>
    readBgpAdvertisement(document, communities, findings),
  );
  const advertisements = attachAdvertisements(pools, layer2, bgpAdvertisements);
  checkEchoOfIPv6(pools, advertisements, peers, bfdProfiles, findings);
  return { pools, advertisements, peers, bfdProfiles, layer2Advertisements: layer2, bgpAdvertisements };
}

/** Names of peers that do not exist are no fault, as the peers may come later; they are told. */
function checkPeerNames(advertisements: readonly ResourceBgpAdvertisement[], peers: ReadonlySet<string>): void {
  for (const { meaning, context } of advertisements) {
    for (const name of meaning.peers) {
      if (peers.has(name)) continue;
      const remedy = "correct the name, or make the BGPPeer in this namespace";
      const problem = "is not the name of a BGPPeer here";
      context.remark("unused", "/spec/peers", name, problem, remedy, "peer-undefined");
    }
  }
}

function limited(faults: readonly Fault[]): readonly Fault[] {
  if (faults.length <= MAX_FAULTS) return faults;
  const more: Fault = {
    object: "configuration",
    path: "",
    value: undefined,
    problem: `has ${faults.length - MAX_FAULTS} more faults`,
    remedy: "correct these first",
  };
  return [...faults.slice(0, MAX_FAULTS), more];
}
