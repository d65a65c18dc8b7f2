import type { KubernetesDocument } from "../config/documents.js";
import { describeChoice, findConfigMap } from "../config/find-config-map.js";
import type { LoadOptions } from "../config/load.js";
import type { Logger } from "./net/logger.js";

/**
 * Says which ConfigMap was found and how, once, and again where it becomes another one. Where it was named there is
 * nothing to say; where there are several, whoever reads the documents refuses them for it.
 * @returns to be called with all documents
 */
export function createConfigMapTeller(
  log: Logger,
  { namespace, configMapName }: LoadOptions,
): (documents: readonly KubernetesDocument[]) => void {
  let said: string | undefined;
  return (documents) => {
    if (configMapName !== undefined) return;
    const choice = findConfigMap(documents, namespace);
    if (choice.outcome === "several") return;
    const usual = `ConfigMap ${namespace}/${choice.name} is read: nothing speaks for another one any more`;
    const text = describeChoice(choice, namespace) ?? (said === undefined ? undefined : usual);
    if (text === undefined || text === said) return;
    said = text;
    log.info({ event: "configMapFound", configMap: choice.name }, text);
  };
}
