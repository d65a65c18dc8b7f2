import type { Notice } from "../config/model.js";
import type { Fault } from "../runtime/net/fault.js";

export type Severity = "error" | "warning" | "info";

/** What lint can find. An error never works; a warning is legal and likely not meant; an info is worth knowing. */
export const LINT_RULES = {
  unreadable: rule("error", "A path that cannot be read, or is too large"),
  syntax: rule("error", "A text that is not YAML or JSON, or an object without the header of one"),
  refused: rule("error", "A value that the configuration is refused for"),
  "duplicate-object": rule("error", "Two objects with one name in one configuration"),
  "address-overlap": rule("error", "Addresses that are in two pools, or twice in one"),
  "community-undefined": rule("error", "A community that is neither a value nor a defined alias"),
  "bfd-profile-undefined": rule("error", "A peer that names a BFD profile that does not exist"),
  "advertisement-namespace": rule("error", "An advertisement in another namespace than the pools it is for"),
  "service-pool-undefined": rule("error", "A Service whose annotation names a pool that does not exist"),
  "service-address": rule("error", "A Service that asks for addresses that it cannot have"),
  "service-unreadable": rule("error", "A Service, Node or Namespace with a value that the API does not take"),
  "pool-without-advertisement": rule("warning", "A pool whose addresses are given out and announced by nobody"),
  "pool-undefined": rule("warning", "An advertisement that names a pool that does not exist"),
  "pool-selector-matches-nothing": rule("warning", "An advertisement whose selectors match no pool"),
  "peer-undefined": rule("warning", "A BGPAdvertisement that names a peer that does not exist"),
  "bgp-without-peer": rule("warning", "A pool announced by BGP alone in a configuration without any peer"),
  "node-peer": rule("warning", "Something that a Node says of its BGP peers and that cannot be used"),
  "release-difference": rule("warning", "Something that some of the releases v0.9 to v0.12 refused"),
  shadowed: rule("warning", "A part of the ConfigMap that a resource stands in for"),
  "not-read": rule("warning", "An object that is not where configuration is read from, or of a kind that is not read"),
  ignored: rule("warning", "A value that does nothing"),
  conflict: rule("warning", "Values that contradict each other and were taken all the same"),
  unused: rule("warning", "Something that refers to nothing, or that nothing refers to"),
  "bfd-profile-unused": rule("info", "A BFD profile that no peer uses"),
  "node-without-peer": rule("info", "A Node that says no BGP peer where peers are looked for on Nodes"),
  "node-selector-matches-nothing": rule("info", "Node selectors that match none of the Nodes in the input"),
  "service-selector-matches-nothing": rule("info", "Service selectors that match none of the Services in the input"),
  "namespace-matches-nothing": rule("info", "Namespaces of a pool that are not among those in the input"),
  "password-in-clear-text": rule("info", "A BGP password that stands in the manifest itself"),
  "secret-not-here": rule("info", "A password in a Secret that is not part of the input, so it cannot be judged"),
  "helm-template": rule("info", "Helm templates, which are passed over"),
  "nothing-found": rule("info", "An input without any configuration"),
} as const satisfies Readonly<Record<string, LintRule>>;

export type LintRule = Readonly<{ severity: Severity; description: string }>;
export type RuleId = keyof typeof LINT_RULES;

/** A fault with the rule that it breaks. Without a line it is about the file, without a file about the input. */
export type LintFinding = Fault & Readonly<{ rule: RuleId; severity: Severity }>;

function rule(severity: Severity, description: string): LintRule {
  return { severity, description };
}

export function findingOf(id: RuleId, { object, path, value, problem, remedy, ...position }: Fault): LintFinding {
  const { file, line, column } = position;
  return {
    rule: id,
    severity: LINT_RULES[id].severity,
    object,
    path,
    value,
    problem,
    remedy,
    ...(file !== undefined && { file }),
    ...(line !== undefined && { line }),
    ...(column !== undefined && { column }),
  };
}

/** A fault of the configuration under its rule. */
export function faultFinding(fault: Fault): LintFinding {
  const { code = "refused", remedy } = fault;
  const isRepeat = code === "duplicate-object";
  return findingOf(code, isRepeat ? { ...fault, remedy: `${remedy}, or lint each cluster by itself` } : fault);
}

/** A notice of the configuration under its rule. */
export function noticeFinding({ class: noticeClass, ...notice }: Notice): LintFinding {
  return findingOf(notice.code ?? (noticeClass === "generation" ? "release-difference" : noticeClass), notice);
}

/** The table of rules, for people. */
export function rulesText(): string {
  const ids = Object.entries(LINT_RULES);
  const width = Math.max(...ids.map(([id]) => id.length));
  return ids
    .map(([id, { severity, description }]) => `${id.padEnd(width)}  ${severity.padEnd(7)}  ${description}\n`)
    .join("");
}

/** The table of rules, for programs. */
export function rulesJson(): string {
  const rules = Object.entries(LINT_RULES).map(([id, { severity, description }]) => ({ id, severity, description }));
  return `${JSON.stringify({ rules }, null, 2)}\n`;
}
