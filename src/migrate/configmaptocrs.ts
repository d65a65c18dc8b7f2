import type { KubernetesDocument } from "../config/documents.js";
import { loadWithReading } from "../config/load.js";
import { sortFaults } from "../config/place.js";
import { isRecord, readDocuments } from "../config/read-documents.js";
import type { Fault } from "../runtime/net/fault.js";
import type { Result } from "../runtime/net/result.js";
import { refuse, succeed } from "../runtime/net/result.js";
import { beyondResources } from "./beyond-resources.js";
import { differenceOf } from "./compare-models.js";
import { joinSource } from "./conversion-source.js";
import type { ConvertNotice } from "./convert-notices.js";
import { renameNotices } from "./convert-notices.js";
import { DISCOVERY_ELSEWHERE, discoveryFaults } from "./discovery.js";
import { bareConfigMap, isManifest, wholeFault } from "./find-input.js";
import { yamlStream } from "./manifest-text.js";
import { officialResources } from "./official-resources.js";

const HEADER = "# Made of a MetalLB ConfigMap by smelter configmaptocrs.\n";
const DEFAULT_NAMESPACE = "metallb-system";

/**
 * Converts one ConfigMap as MetalLB's own converter does: each object followed by a separator, passwords in clear in
 * the BGPPeers. Other than that one, it loses nothing silently: what it cannot convert it refuses. Never throws.
 * @param onlyData the text is the document alone, without the ConfigMap around it
 */
export function configMapToCrs(
  text: string,
  { file, onlyData }: Readonly<{ file: string; onlyData: boolean }>,
): Result<Readonly<{ text: string; notices: readonly ConvertNotice[] }>, readonly Fault[]> {
  const found = onlyData ? succeed(bareConfigMap(text, file)) : onlyConfigMap(text, file);
  if (!found.ok) return found;
  const configMap = found.value;
  const data = isRecord(configMap.body["data"]) ? configMap.body["data"]["config"] : undefined;
  if (data === undefined || data === null || data === "") {
    const remedy = onlyData ? "name the file with the configuration" : "write the configuration under data.config";
    return refuse([wholeFault(file, "holds a ConfigMap without data", remedy)]);
  }
  const { result: loaded, legacy } = loadWithReading([configMap], {
    namespace: configMap.namespace,
    configMapName: configMap.name,
  });
  if (!loaded.ok) return loaded;
  if (legacy === undefined) return refuse([wholeFault(file, "holds no ConfigMap", "name another file")]);
  const discovery = discoveryFaults(loaded.value.model, legacy.place, DISCOVERY_ELSEWHERE);
  if (discovery.length > 0) return refuse(discovery);
  const { source } = joinSource(loaded.value, legacy, []);
  const limits = beyondResources(source, loaded.value.notices);
  if (limits.length > 0) return refuse(sortFaults(limits));
  const namespace = configMap.namespace || DEFAULT_NAMESPACE;
  const resources = officialResources(legacy, loaded.value.model, namespace);
  if (!resources.ok) return refuse(sortFaults(resources.fault));
  const { objects, renames, model } = resources.value;
  const difference = differenceOf(model, objects, renames, { namespace });
  if (difference !== undefined) return refuse([wholeFault(file, ...difference)]);
  const changed = new Map([...renames.pools].filter(([before, after]) => before !== after));
  const changedProfiles = new Map([...renames.bfdProfiles].filter(([before, after]) => before !== after));
  const notices = [
    ...loaded.value.notices,
    ...renameNotices(source, { pools: changed, bfdProfiles: changedProfiles }, []),
  ];
  const written = objects.map((object) => `${yamlStream([object])}---\n`).join("");
  return succeed({ text: HEADER + written, notices: [...sortFaults(notices), ...passwordNotice(model.peers, file)] });
}

function onlyConfigMap(text: string, file: string): Result<KubernetesDocument, readonly Fault[]> {
  const remedy = "give one ConfigMap, or say -only-data for the document alone";
  if (!isManifest(text)) return refuse([wholeFault(file, "is no ConfigMap", remedy)]);
  const { documents, faults } = readDocuments(text, file);
  if (faults.length > 0) return refuse(faults);
  const [document, ...others] = documents;
  if (document?.apiVersion === "v1" && document.kind === "ConfigMap" && others.length === 0) return succeed(document);
  return refuse([wholeFault(file, "is not one ConfigMap", remedy)]);
}

function passwordNotice(peers: readonly Readonly<{ password?: unknown }>[], file: string): ConvertNotice[] {
  const count = peers.filter(({ password }) => password !== undefined).length;
  if (count === 0) return [];
  const problem = `has ${count} password${count === 1 ? "" : "s"}, which the resources hold in clear`;
  const remedy = "use smelter migrate convert, which puts them into Secrets, or keep the output to yourself";
  return [{ ...wholeFault(file, problem, remedy), class: "password" }];
}
