import { isDeepStrictEqual } from "node:util";
import { documentOfObject } from "../config/read-documents.js";
import type { KubernetesDocument } from "../config/documents.js";
import { loadConfig, loadWithReading } from "../config/load.js";
import type { Model, Notice } from "../config/model.js";
import { compareTexts, faultAt, sortFaults } from "../config/place.js";
import type { LegacyReading } from "../config/read-legacy.js";
import type { Fault } from "../runtime/net/fault.js";
import type { Result } from "../runtime/net/result.js";
import { refuse, succeed } from "../runtime/net/result.js";
import { findConfigMap } from "./find-config-map.js";
import type { Renames } from "./legacy-resources.js";
import { resourcesOf } from "./legacy-resources.js";
import type { ManifestObject } from "./manifest-text.js";
import { jsonList, yamlStream } from "./manifest-text.js";

export type ConvertOptions = Readonly<{
  /** How faults call the input: its file. */
  file: string;
  /** Namespace of the resources; undefined: that of the ConfigMap, or metallb-system where it has none. */
  namespace?: string;
  output: "yaml" | "json";
}>;

export type ConvertNotice = Fault & Readonly<{ class: Notice["class"] | "renamed" | "left out" }>;
export type Conversion = Readonly<{
  /** The resources as objects, in the order of the text. */
  documents: readonly ManifestObject[];
  text: string;
  notices: readonly ConvertNotice[];
}>;

const DEFAULT_NAMESPACE = "metallb-system";

/**
 * Converts a legacy ConfigMap into metallb.io resources: text in, text out, the same octets for the same input. What
 * comes out is read back and compared with what went in before it is handed over. Never throws.
 * @returns the resources, or all that keeps the input from being converted
 */
export function convert(text: string, options: ConvertOptions): Result<Conversion, readonly Fault[]> {
  const found = findConfigMap(text, options.file);
  if (!found.ok) return found;
  const { configMap, others, isBare } = found.value;
  const called = <Kind extends Fault>(faults: readonly Kind[]): Kind[] =>
    isBare ? faults.map((fault) => ({ ...fault, object: "configuration" })) : [...faults];
  const source = { namespace: configMap.namespace, configMapName: configMap.name };
  const { result: loaded, legacy: reading } = loadWithReading([configMap], source);
  if (!loaded.ok) return refuse(called(loaded.fault));
  if (reading === undefined) return succeed({ documents: [], text: "", notices: [] }); // not without a ConfigMap
  const limits = beyondResources(reading, loaded.value.notices);
  if (limits.length > 0) return refuse(called(sortFaults(limits)));
  const namespace = options.namespace ?? (configMap.namespace || DEFAULT_NAMESPACE);
  const { objects, renames } = resourcesOf(reading, namespace);
  const difference = differenceOf(loaded.value.model, objects, renames, namespace);
  if (difference !== undefined) return refuse(called([faultAt(reading.place, "", undefined, ...difference)]));
  const notices = [
    ...loaded.value.notices.map((notice) => (notice.path === "/peer-autodiscovery" ? leftOut(notice) : notice)),
    ...renameNotices(reading, renames),
  ];
  if (others > 0) notices.push(othersNotice(configMap, others));
  const stream = options.output === "json" ? jsonList(objects) : yamlStream(objects);
  return succeed({ documents: objects, text: stream, notices: called(sortFaults(notices)) });
}

const MAX_PORT = 16_384;
const MAX_LOCAL_PREF = 2_147_483_647;

/** What the old document can say and the resources cannot. */
function beyondResources(reading: LegacyReading, notices: readonly Notice[]): Fault[] {
  const { place, peers, pools } = reading;
  const faults: Fault[] = notices.filter((notice) => notice.class === "conflict");
  for (const { peer, path } of peers) {
    if (peer.port <= MAX_PORT) continue;
    const remedy = `let the peer listen on a port of 1 to ${MAX_PORT}, or keep the ConfigMap`;
    faults.push(faultAt(place, `${path}/peer-port`, peer.port, "is above what a BGPPeer can have", remedy));
  }
  for (const { name, entries, advertisements, path } of pools) {
    if (entries.length === 0) {
      const remedy = "write ranges with the lower address first, or remove the pool";
      faults.push(faultAt(place, `${path}/addresses`, name, "leaves the pool without any address", remedy));
    }
    for (const { written, path: advertisementPath } of advertisements) {
      if (written["aggregation-length"] === 0) {
        const problem = "is below what a BGPAdvertisement can have";
        const remedy = "write 1 to 32, or keep the ConfigMap";
        faults.push(faultAt(place, `${advertisementPath}/aggregation-length`, 0, problem, remedy));
      }
      if ((written.localpref ?? 0) > MAX_LOCAL_PREF) {
        const problem = "is above what a BGPAdvertisement can have";
        const remedy = `write 0 to ${MAX_LOCAL_PREF}, or keep the ConfigMap`;
        faults.push(faultAt(place, `${advertisementPath}/localpref`, written.localpref, problem, remedy));
      }
    }
  }
  return faults;
}

/** Reads the resources back: they have to give the very model that the document gives, new names aside. */
export function differenceOf(
  before: Model,
  objects: readonly ManifestObject[],
  renames: Renames,
  namespace: string,
): readonly [problem: string, remedy: string] | undefined {
  const remedy = "keep the ConfigMap and report this as a bug of Smelter";
  const documents: KubernetesDocument[] = [];
  for (const object of objects) {
    const document = documentOfObject(object);
    if (!document.ok) return [`becomes resources that are none (${document.fault.problem})`, remedy];
    documents.push(document.value);
  }
  const after = loadConfig(documents, { namespace, configMapName: "" });
  if (!after.ok) {
    const [{ object = "", path = "", problem = "" } = {}] = after.fault;
    return [`becomes resources that are refused (${object} ${path} ${problem})`, remedy];
  }
  if (isSameModel(renamed(before, renames), after.value.model)) return undefined;
  return ["becomes resources that do not mean the same", remedy];
}

/** Passwords look all the same to a comparison of values: they are compared one by one. */
function isSameModel(a: Model, b: Model): boolean {
  if (!isDeepStrictEqual(a, b)) return false;
  return a.peers.every(({ password }, index) => {
    const other = b.peers[index]?.password;
    return password === undefined ? other === undefined : password.equals(other);
  });
}

/** The model with the names that the resources have. */
export function renamed({ pools, peers, bfdProfiles }: Model, renames: Renames): Model {
  const byName = (a: Readonly<{ name: string }>, b: Readonly<{ name: string }>) => compareTexts(a.name, b.name);
  const profileName = (name: string): string => renames.bfdProfiles.get(name) ?? name;
  return {
    pools: pools.map((pool) => ({ ...pool, name: renames.pools.get(pool.name) ?? pool.name })).toSorted(byName),
    peers: peers.map(({ bfdProfile, ...peer }) => ({
      ...peer,
      ...(bfdProfile !== undefined && { bfdProfile: profileName(bfdProfile) }),
    })),
    bfdProfiles: bfdProfiles.map((profile) => ({ ...profile, name: profileName(profile.name) })).toSorted(byName),
  };
}

function renameNotices({ place, pools, bfdProfiles }: LegacyReading, renames: Renames): ConvertNotice[] {
  const notices: ConvertNotice[] = [];
  const problemFor = (name: string): string => `no resource can be called, so it becomes ${name}`;
  for (const { name, path } of pools) {
    const after = renames.pools.get(name);
    if (after === undefined) continue;
    const remedy = `change the annotation metallb.universe.tf/address-pool of Services that name it to ${after}`;
    notices.push({ ...faultAt(place, `${path}/name`, name, problemFor(after), remedy), class: "renamed" });
  }
  for (const { profile, path } of bfdProfiles) {
    const after = renames.bfdProfiles.get(profile.name);
    if (after === undefined) continue;
    const remedy = "nothing: the peers refer to it by the new name";
    notices.push({ ...faultAt(place, `${path}/name`, profile.name, problemFor(after), remedy), class: "renamed" });
  }
  return notices;
}

function leftOut(notice: Notice): ConvertNotice {
  const remedy = "keep the ConfigMap with this key alone, or list the peers as BGPPeers";
  return { ...notice, problem: "no resource can say and is left out", remedy, class: "left out" };
}

function othersNotice({ source }: KubernetesDocument, count: number): ConvertNotice {
  const problem = `holds ${count} more object${count === 1 ? "" : "s"} beside the ConfigMap`;
  const remedy = "apply what of them is wanted by itself";
  const position = source === undefined ? {} : { file: source.file };
  return { object: "input", path: "", value: undefined, problem, remedy, ...position, class: "left out" };
}
