import type { Labels, NodeView, PodView } from "../world/views.js";

/**
 * Which nodes have a live speaker, as the API server sees it: the Node is Ready and a speaker Pod on it is. A stop-gap
 * (`pods` undefined: they cannot be seen, a Ready node counts) until speakers gossip: the API server notices a dead node only after its Lease has run out, which takes 40 s.
 */
export function aliveNodes(
  nodes: Iterable<NodeView>,
  pods: Iterable<PodView> | undefined,
  speakerLabels: Labels,
): ReadonlySet<string> {
  const ready = new Set<string>();
  for (const node of nodes) if (node.ready) ready.add(node.name);
  if (pods === undefined) return ready;
  const alive = new Set<string>();
  for (const pod of pods) {
    if (pod.nodeName !== undefined && pod.ready && ready.has(pod.nodeName) && hasLabels(pod.labels, speakerLabels)) {
      alive.add(pod.nodeName);
    }
  }
  return alive;
}

function hasLabels(labels: Labels, wanted: Labels): boolean {
  return Object.entries(wanted).every(([key, value]) => labels[key] === value);
}
