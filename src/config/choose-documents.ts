import type { KubernetesDocument } from "./documents.js";
import { describeObject } from "./documents.js";
import { USUAL_NAME, findConfigMap, type ConfigMapChoice } from "./find-config-map.js";
import { compareTexts, faultAt, noticeOf, placeOf } from "./place.js";
import { isRecord } from "./read-documents.js";
import type { Findings } from "./resource-context.js";
import { HIDDEN_VALUE } from "../runtime/net/fault.js";

/** The documents of one configuration, by what they are; each list by name. */
export type ChosenDocuments = Readonly<{
  configMap: KubernetesDocument | undefined;
  resources: Readonly<Record<ResourceKind, readonly KubernetesDocument[]>>;
  /** Secrets by name: what peers may refer to. */
  secrets: ReadonlyMap<string, KubernetesDocument>;
}>;

export type ResourceKind =
  "IPAddressPool" | "L2Advertisement" | "BGPAdvertisement" | "BGPPeer" | "Community" | "BFDProfile";

/** The ConfigMap whose key `extras` was put into the configuration of FRR as it is. */
const EXTRAS_NAME = "bgpextras";

/** What programs write there and nobody configures with. */
const STATUS_KINDS: ReadonlySet<string> = new Set(["ServiceL2Status", "ServiceBGPStatus", "ConfigurationState"]);

/**
 * Picks the documents of the namespace that configuration is read from. What looks as if it were meant as
 * configuration and is not read is told by notices; an object that is there twice is a fault.
 */
export function chooseDocuments(
  documents: readonly KubernetesDocument[],
  options: Readonly<{ namespace: string; configMapName?: string | undefined }>,
  findings: Findings,
): ChosenDocuments {
  const { namespace } = options;
  const configMapName = options.configMapName ?? foundName(findConfigMap(documents, namespace), namespace, findings);
  const resources: Record<ResourceKind, KubernetesDocument[]> = {
    IPAddressPool: [],
    L2Advertisement: [],
    BGPAdvertisement: [],
    BGPPeer: [],
    Community: [],
    BFDProfile: [],
  };
  const secrets = new Map<string, KubernetesDocument>();
  const configMaps: KubernetesDocument[] = [];
  const seen = new Map<string, KubernetesDocument>();

  const takeOnce = (document: KubernetesDocument, take: () => void): void => {
    const key = `${document.kind} ${document.name}`;
    const earlier = seen.get(key);
    if (earlier === undefined) {
      seen.set(key, document);
      take();
      return;
    }
    const { file, line } = placeOf(earlier).positionOf("");
    const where = file === undefined ? "" : ` (${file}:${line})`;
    const problem = `is the name of an object that is there already${where}`;
    const remedy = "remove one of the two";
    findings.faults.push(
      faultAt(placeOf(document), "/metadata/name", document.name, problem, remedy, "duplicate-object"),
    );
  };
  const ignore = (
    document: KubernetesDocument,
    path: string,
    value: unknown,
    problem: string,
    remedy: string,
  ): void => {
    const fault = faultAt(placeOf(document), path, value, problem, remedy, "not-read");
    findings.notices.push(noticeOf(fault, "ignored"));
  };

  for (const document of documents) {
    const { apiVersion, kind, name } = document;
    const isHere = document.namespace === namespace || document.namespace === "";
    if (apiVersion === "v1" && kind === "ConfigMap") {
      if (isHere && name === configMapName) takeOnce(document, () => configMaps.push(document));
      else if (isHere && configMapName === undefined)
        continue; // told as one fault
      else if (looksLegacy(document)) {
        const [path, value] = isHere ? ["/metadata/name", name] : ["/metadata/namespace", document.namespace];
        const problem = `is not where configuration is read from (ConfigMap ${namespace}/${configMapName ?? USUAL_NAME})`;
        ignore(document, path, value, problem, "move it there, or name this place with --config and --namespace");
      } else if (isHere && name === EXTRAS_NAME && hasExtras(document)) {
        const remedy = "say it with the fields of BGPPeer where they have it, and remove this ConfigMap";
        ignore(document, "/data/extras", HIDDEN_VALUE, "is configuration of FRR, which is not used here", remedy);
      }
    } else if (apiVersion === "v1" && kind === "Secret") {
      if (isHere) takeOnce(document, () => secrets.set(name, document));
    } else if (apiVersion.startsWith("metallb.io/") && !STATUS_KINDS.has(kind)) {
      const list = Object.hasOwn(resources, kind) ? resources[kind as ResourceKind] : undefined;
      const isKnownVersion =
        apiVersion === "metallb.io/v1beta1" || (kind === "BGPPeer" && apiVersion.endsWith("/v1beta2"));
      if (list === undefined) {
        const remedy =
          kind === "AddressPool"
            ? "convert it with smelter migrate convert into an IPAddressPool and its advertisements"
            : "remove it: nothing reads it";
        ignore(document, "/kind", kind, "is a kind that is not read", remedy);
      } else if (!isKnownVersion) {
        const remedy = `write metallb.io/${kind === "BGPPeer" ? "v1beta2" : "v1beta1"}`;
        ignore(document, "/apiVersion", apiVersion, "is a version that is not read", remedy);
      } else if (isHere) {
        takeOnce(document, () => list.push(document));
      } else {
        const problem = `is not the namespace that configuration is read from (${namespace})`;
        const remedy = `move it to ${namespace}, or name this namespace with --namespace`;
        ignore(document, "/metadata/namespace", document.namespace, problem, remedy);
      }
    }
  }
  for (const list of Object.values(resources)) list.sort((a, b) => compareTexts(a.name, b.name));
  return { configMap: configMaps[0], resources, secrets };
}

/** @returns undefined where there are several, which is a fault */
function foundName(choice: ConfigMapChoice, namespace: string, { faults }: Findings): string | undefined {
  if (choice.outcome !== "several") return choice.name;
  const candidates = choice.candidates.map(({ name, how }) => `${name} (${how})`).join(", ");
  faults.push({
    object: `the configuration in ${namespace}`,
    path: "",
    value: undefined,
    problem: `may be in one of several ConfigMaps that differ: ${candidates}`,
    remedy: "name the one to read with --config, or remove the others",
  });
  return undefined;
}

function hasExtras({ body }: KubernetesDocument): boolean {
  const extras = isRecord(body["data"]) ? body["data"]["extras"] : undefined;
  return typeof extras === "string" && extras.trim() !== "";
}

/** The objects that the configuration is made of, as `describeObject` names them, sorted. */
export function sourcesOf({ configMap, resources }: ChosenDocuments): string[] {
  const documents = [...(configMap === undefined ? [] : [configMap]), ...Object.values(resources).flat()];
  return documents.map(describeObject).toSorted(compareTexts);
}

/** Whether a ConfigMap has a `config` key with one of the keys that only this configuration has. */
export function looksLegacy({ body }: KubernetesDocument): boolean {
  const config = isRecord(body["data"]) ? body["data"]["config"] : undefined;
  return (
    typeof config === "string" &&
    /(?:^|[{,])\s*["']?(?:address-pools|peers|bgp-communities|bfd-profiles|peer-autodiscovery)["']?\s*:/m.test(config)
  );
}
