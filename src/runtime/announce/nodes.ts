import { anySelectorMatches } from "../../config/selector.js";
import type { LabelSelector } from "../../config/model.js";
import type { NodeView } from "../world/views.js";
import type { AnnounceWorld } from "./decision.js";

/** The label that keeps a node from announcing, whatever its value. */
export const EXCLUDE_LABEL = "node.kubernetes.io/exclude-from-external-load-balancers";

const MAX_NAMED = 5; // nodes named one by one in a sentence

export function isExcluded(
  { labels }: NodeView,
  { ignoreExcludeLabel }: Pick<AnnounceWorld, "ignoreExcludeLabel">,
): boolean {
  return !ignoreExcludeLabel && Object.hasOwn(labels, EXCLUDE_LABEL);
}

/** Those of the advertisements that reach the node. */
export function advertisementsOn<Advertisement extends Readonly<{ nodeSelectors: readonly LabelSelector[] }>>(
  advertisements: readonly Advertisement[],
  node: NodeView,
): readonly Advertisement[] {
  return advertisements.filter(({ nodeSelectors }) => anySelectorMatches(nodeSelectors, node.labels));
}

/** `node1, node2 and 3 more` */
export function nameNodes(names: readonly string[]): string {
  const named = names.slice(0, MAX_NAMED).join(", ");
  return names.length > MAX_NAMED ? `${named} and ${names.length - MAX_NAMED} more` : named;
}
