import type { KubernetesDocument } from "../config/documents.js";
import { describeObject } from "../config/documents.js";
import { documentsOfKept, keptText } from "../config/kept-documents.js";
import { loadConfig, type LoadOptions } from "../config/load.js";
import type { LoadedConfig } from "../config/model.js";
import { isWorkload } from "../config/workload.js";
import type { Logger } from "./net/logger.js";

/** The Secret in which the controller keeps what the last good configuration was. */
export const LAST_GOOD_SECRET = "smelter-last-good-configuration";

export type LastGoodOptions = Readonly<{
  load: LoadOptions;
  /** What was kept in an earlier life; undefined where nothing was. */
  read(): Promise<string | undefined>;
  /** Absent: somebody else keeps it. */
  keep?(text: string): void;
  log: Logger;
  /** A shell: it keeps its last good model by itself, once it has one. */
  shell: Readonly<{
    /** Called at most once, before the first configChanged. */
    configRestored(documents: readonly KubernetesDocument[]): void;
    configChanged(documents: readonly KubernetesDocument[]): void;
  }>;
}>;

/**
 * Stands between what is watched and a shell: a start with documents that are refused begins with the last good ones,
 * and good ones are kept for that.
 * @returns what is to be called with all documents, at first and at each change
 */
export function createLastGoodConfig(options: LastGoodOptions): (documents: readonly KubernetesDocument[]) => void {
  const { shell, log } = options;
  let newest: readonly KubernetesDocument[] = [];
  let state: "new" | "reading" | "begun" = "new";

  function begin(): void {
    state = "begun";
    shell.configChanged(newest);
  }

  async function restore(): Promise<void> {
    state = "reading";
    const text = await options.read();
    if (text !== undefined) {
      const documents = documentsOfKept(text);
      if (documents.ok) {
        log.error(
          { event: "configRestored" },
          "The present configuration is refused: the last good one, of before this start, is used until it is mended",
        );
        shell.configRestored(documents.value);
      } else {
        log.error({ event: "configNotRestored" }, `Cannot use the configuration that was kept: ${documents.fault}`);
      }
    }
    begin();
  }

  return (documents) => {
    newest = documents;
    if (state === "begun" && options.keep === undefined) return begin(); // nobody here asks what they come to
    const config = loadConfig(documents, options.load);
    if (state === "new" && !config.ok) void restore();
    else if (state !== "reading") begin();
    if (config.ok && config.value.sources.length > 0)
      options.keep?.(keptText(documentsThatCount(documents, config.value)));
  };
}

/** What the model is of, and by what it was found: not what merely lies beside it. */
function documentsThatCount(
  documents: readonly KubernetesDocument[],
  { sources }: LoadedConfig,
): readonly KubernetesDocument[] {
  const counting = new Set(sources);
  return documents.filter((document) => counting.has(describeObject(document)) || isWorkload(document));
}
