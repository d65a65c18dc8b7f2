import { discoverPeers } from "../config/autodiscovered-peers.js";
import { documentFault } from "../config/documents.js";
import type { LintConfiguration } from "./lint-configurations.js";
import type { LintNode } from "./lint-input.js";
import { findingOf, type LintFinding } from "./lint-rules.js";

/** Finds what keeps Nodes from having the peers that they say, where a configuration looks for peers on Nodes. */
export function lintNodes({ reading }: LintConfiguration, nodes: readonly LintNode[]): readonly LintFinding[] {
  if (reading.pieces.peerAutodiscovery === undefined) return [];
  return nodes.flatMap(({ view, document }) =>
    discoverPeers(reading.pieces, view).faults.map((fault) =>
      findingOf(fault.code ?? "node-peer", documentFault(document, fault)),
    ),
  );
}
