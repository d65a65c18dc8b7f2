import type { Fault } from "../runtime/net/fault.js";
import type { Result } from "../runtime/net/result.js";
import { succeed } from "../runtime/net/result.js";
import type { KubernetesDocument } from "./documents.js";
import type { LoadedConfig } from "./model.js";

export type LoadOptions = Readonly<{
  /** Where the configuration is looked for; objects elsewhere are ignored. */
  namespace: string;
  /** Name of the legacy ConfigMap. */
  configMapName: string;
}>;

/** Stands in until the readers are here: an empty model. */
export function loadConfig(
  documents: readonly KubernetesDocument[],
  options: LoadOptions,
): Result<LoadedConfig, readonly Fault[]> {
  void documents;
  void options;
  const model = { pools: [], peers: [], bfdProfiles: [] };
  return succeed({ model, origins: new Map(), notices: [], sources: [] });
}
