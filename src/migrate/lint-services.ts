import { documentFault, type KubernetesDocument } from "../config/documents.js";
import { pointerTo } from "../config/json-pointer.js";
import { parseAddress, parsePrefix, prefixRange } from "../runtime/net/address.js";
import { mergeRanges } from "../config/overlap.js";
import { createAllocator } from "../runtime/allocator/create-allocator.js";
import type { Allocator } from "../runtime/allocator/allocator.js";
import { CURRENT_PREFIX, DEPRECATED_PREFIX, annotationOf, type AnnotationName } from "../runtime/world/annotations.js";
import { withDefaultClusterIPs } from "../runtime/world/read.js";
import { objectKey, type NamespaceView, type ServiceView } from "../runtime/world/views.js";
import { knowsAddresses, type LintConfiguration } from "./lint-configurations.js";
import type { LintService } from "./lint-input.js";
import { compareTexts } from "../config/place.js";
import { findingOf, type LintFinding, type RuleId } from "./lint-rules.js";

/**
 * Holds what Services ask for against the pools, with the allocator that decides in a cluster. Which cluster a Service
 * is for cannot be told from its manifest: with several configurations it is well where one of them can serve it.
 * @param hidesPools there are pools that cannot be read: names and addresses may be those of one of them
 */
export function lintServices(
  services: readonly LintService[],
  configurations: readonly LintConfiguration[],
  { namespaces, hidesPools }: Readonly<{ namespaces: readonly NamespaceView[]; hidesPools: boolean }>,
): readonly LintFinding[] {
  const withPools = configurations.filter(isAboutPools);
  if (withPools.length === 0) return [];
  const poolNames = new Set(withPools.flatMap(poolNamesOf));
  const judges = withPools.map((configuration) => judgeOf(configuration, namespaces, hidesPools));
  const findings: LintFinding[] = [];
  for (const { view, document } of services.toSorted(byKeyAndPlace)) {
    if (!isConcerned(view)) continue;
    const tell = (rule: RuleId, path: string, value: unknown, problem: string, remedy: string): void => {
      const object = `Service ${objectKey(view)}`;
      findings.push(findingOf(rule, documentFault(document, { object, path, value, problem, remedy })));
    };
    const pool = annotationOf(view, "address-pool") ?? "";
    if (!hidesPools && pool !== "" && !poolNames.has(pool)) {
      const names = [...poolNames].toSorted(compareTexts);
      const listed = names.length === 0 ? "there is none" : `the pools are ${nameSome(names)}`;
      const path = annotationPath(view, "address-pool");
      const remedy = `name a pool that exists (${listed}), or remove the annotation`;
      tell("service-pool-undefined", path, pool, "is not the name of a pool", remedy);
      continue;
    }
    const request = requestOf(view);
    if (request === undefined) continue;
    const reason = refusalOf(asRequested(view, request.value), judges);
    if (reason === undefined) continue;
    const cut = reason.lastIndexOf(": ");
    const problem = `cannot be had: ${cut < 0 ? reason : reason.slice(0, cut)}`;
    const remedy = cut < 0 ? "ask for an address of a pool" : reason.slice(cut + 2);
    tell("service-address", request.path, request.value, problem, remedy);
  }
  return findings;
}

/** An allocator, and whether it knows the pools by name. */
type Judge = Readonly<{ allocator: Allocator; knowsPools: boolean }>;

/**
 * With all pools of a configuration at hand, they decide. Of one that is refused only the addresses count, and where
 * these cannot be read either any address may be meant: then only Services in each other's way are found.
 */
function judgeOf(configuration: LintConfiguration, namespaces: readonly NamespaceView[], hidesPools: boolean): Judge {
  const { result, pieces } = configuration.reading;
  const knowsPools = result.ok && !hidesPools;
  const allocator = createAllocator({ loadBalancerClass: "" });
  const known = pieces.pools.flatMap(({ ranges }) => ranges);
  const ranges = !hidesPools && knowsAddresses(configuration) ? mergeRanges(known) : ALL_ADDRESSES;
  const pool = { name: "all", ranges, autoAssign: true, avoidBuggyIPs: false, layer2: [], bgp: [] };
  const model = knowsPools ? pieces : { pools: [pool], peers: [], bfdProfiles: [] };
  allocator.useModel(model, { keepAssigned: false }); // nothing is assigned yet: there is nothing to refuse
  allocator.useNamespaces(namespaces);
  return { allocator, knowsPools };
}

const ALL_ADDRESSES = (["0.0.0.0/0", "::/0"] as const).flatMap((text) => {
  const prefix = parsePrefix(text);
  return prefix.ok ? [prefixRange(prefix.value)] : [];
});

function isAboutPools({ reading, documents }: LintConfiguration): boolean {
  return reading.pieces.pools.length > 0 || documents.some(({ kind }) => kind === "ConfigMap" || kind.endsWith("Pool"));
}

/** Also of pools that were refused: what is wrong with them is told at the pool. */
function poolNamesOf({ reading, documents }: LintConfiguration): string[] {
  const written = documents.flatMap(({ kind, name }) => (kind.endsWith("AddressPool") ? [name] : []));
  const { pieces, legacy } = reading;
  return [...pieces.pools.map(({ name }) => name), ...(legacy?.pools ?? []).map(({ name }) => name), ...written];
}

const MAX_NAMED = 5;

function nameSome(names: readonly string[]): string {
  const more = names.length - MAX_NAMED;
  return names.slice(0, MAX_NAMED).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

/** Services of another class are another program's, but for those that carry annotations of this one. */
function isConcerned({ type, loadBalancerClass, annotations }: ServiceView): boolean {
  if (type !== "LoadBalancer") return false;
  return loadBalancerClass === undefined || Object.keys(annotations).length > 0;
}

function annotationPath({ annotations }: ServiceView, name: AnnotationName): string {
  const current = `${CURRENT_PREFIX}${name}`;
  const key = Object.hasOwn(annotations, current) ? current : `${DEPRECATED_PREFIX}${name}`;
  return pointerTo("/metadata/annotations", key);
}

function requestOf(view: ServiceView): Readonly<{ path: string; value: string }> | undefined {
  const annotation = annotationOf(view, "loadBalancerIPs") ?? "";
  if (annotation !== "") return { path: annotationPath(view, "loadBalancerIPs"), value: annotation };
  return view.loadBalancerIP === "" ? undefined : { path: "/spec/loadBalancerIP", value: view.loadBalancerIP };
}

/**
 * The Service as it is when it is new: without a status, and with clusterIPs. A manifest that names no family gets the
 * families that it asks for, as the cluster's own are not known.
 */
function asRequested({ loadBalancerClass: _otherClass, ...view }: ServiceView, request: string): ServiceView {
  const families = request.split(",").flatMap((text) => {
    const family = parseAddress(text.trim())?.family;
    return family === undefined ? [] : [family === "ipv4" ? ("IPv4" as const) : ("IPv6" as const)];
  });
  const isOpen = view.clusterIPs.length === 0 && view.ipFamilies.length === 0;
  const [first = "IPv4", ...others] = isOpen ? [...new Set(families)] : [];
  return withDefaultClusterIPs({ ...view, ingress: [] }, [first, ...others]);
}

/** Why none of the configurations can serve it, in the words of the first. Each notes what it gives. */
function refusalOf(service: ServiceView, judges: readonly Judge[]): string | undefined {
  const decisions = judges.map(({ allocator, knowsPools }) =>
    allocator.decide(knowsPools ? service : withoutPool(service)),
  );
  const [first] = decisions;
  if (first === undefined || decisions.some(({ outcome }) => outcome === "assigned")) return undefined;
  return first.reason;
}

function withoutPool(service: ServiceView): ServiceView {
  const kept = Object.entries(service.annotations).filter(([key]) => !key.endsWith("/address-pool"));
  return { ...service, annotations: Object.fromEntries(kept) };
}

function byKeyAndPlace(a: LintService, b: LintService): number {
  const place = ({ source }: KubernetesDocument): string => source?.file ?? "";
  return compareTexts(objectKey(a.view), objectKey(b.view)) || compareTexts(place(a.document), place(b.document));
}
