import type { Family, IpAddress } from "../net/address.js";
import { formatAddress, parseAddress, sameAddress } from "../net/address.js";
import type { Result } from "../net/result.js";
import { refuse, succeed } from "../net/result.js";
import type { ObjectKey, ServiceView } from "../world/views.js";
import { annotationOf } from "../world/annotations.js";
import { quoteList } from "./messages.js";
import type { Scope } from "./pools.js";
import type { Claim } from "./sharing.js";

/** What a Service asks for, apart from particular addresses. */
export type Wish = Readonly<{
  claim: Claim;
  scope: Scope;
  /** One or two different ones: those of the clusterIPs, in their order. */
  families: readonly Family[];
  /** Of two families one is enough, if no pool has both. */
  eitherFamily: boolean;
  /** The family that is taken where only one can be had. */
  primaryFamily: Family;
  /** The pool that it wants its addresses from, and no other. */
  pool: string | undefined;
}>;

export function readWish(service: ServiceView, key: ObjectKey, families: readonly Family[]): Wish {
  return {
    claim: readClaim(service, key),
    scope: { namespace: service.namespace, labels: service.labels },
    families,
    eitherFamily: families.length > 1 && service.ipFamilyPolicy === "PreferDualStack",
    primaryFamily: service.ipFamilies[0] === "IPv6" ? "ipv6" : "ipv4",
    pool: annotationOf(service, "address-pool") || undefined, // "" asks for nothing
  };
}

export function readClaim(service: ServiceView, key: ObjectKey): Claim {
  const [port, ...more] = service.ports.map((each) => `${each.protocol}/${each.port}`);
  return {
    key,
    sharingKey: annotationOf(service, "allow-shared-ip") ?? "",
    backendKey: service.externalTrafficPolicy === "Local" ? selectorText(service.selector) : "",
    ports: port === undefined ? [] : more.length === 0 ? [port] : [...new Set([port, ...more])],
  };
}

function selectorText(selector: ServiceView["selector"]): string {
  const terms = Object.entries(selector).map(([name, value]) => `${name}=${value}`);
  return terms.toSorted().join(",");
}

/** The families of one or two clusterIPs, or undefined where they are not that: no address, or two of one family. */
export function familiesOf(clusterIPs: readonly string[]): readonly Family[] | undefined {
  const families = clusterIPs.map((text) => parseAddress(text)?.family);
  const [first, second] = families;
  if (first === undefined || families.length > 2) return undefined;
  if (families.length === 1) return [first];
  return second === undefined || second === first ? undefined : [first, second];
}

/** The addresses in the status, each once. Entries that are no address are left out: they are to be replaced. */
export function statusAddresses({ ingress }: ServiceView): readonly IpAddress[] {
  const addresses = ingress.flatMap(({ ip }) => (ip === undefined ? [] : (parseAddress(ip) ?? [])));
  return addresses.filter((address, index) => addresses.findIndex((other) => sameAddress(other, address)) === index);
}

/**
 * The addresses that the Service asks for, by spec.loadBalancerIP or by annotation.
 * @returns undefined where it asks for none; in the order of their texts, so that a status that is written from it
 *   stays as it is; or why the request cannot be read or does not suit the Service
 */
export function readRequestedAddresses(
  service: ServiceView,
  families: readonly Family[],
): Result<readonly IpAddress[] | undefined, string> {
  const annotation = annotationOf(service, "loadBalancerIPs") ?? "";
  if (annotation === "" && service.loadBalancerIP === "") return succeed(undefined);
  if (annotation !== "" && service.loadBalancerIP !== "") {
    return refuse(
      "service can not have both metallb.io/loadBalancerIPs and svc.Spec.LoadBalancerIP: remove one of the two",
    );
  }
  const texts = annotation === "" ? [service.loadBalancerIP] : annotation.split(",").map((text) => text.trim());
  const addresses: IpAddress[] = [];
  for (const text of texts) {
    const address = parseAddress(text);
    if (address === undefined) {
      const list = annotation === "" ? "" : ", or two separated by a comma";
      return refuse(`invalid address ${JSON.stringify(text)}: write an IPv4 or IPv6 address${list}`);
    }
    addresses.push(address);
  }
  const requested = addresses.toSorted((a, b) => (formatAddress(a) < formatAddress(b) ? -1 : 1));
  const quoted = quoteList(requested.map(formatAddress));
  if (requested.length > 2 || (requested.length === 2 && requested[0]?.family === requested[1]?.family)) {
    return refuse(`${quoted} is more than one address of a family: ask for one of each family at most`);
  }
  if (requested.length !== families.length || !requested.every(({ family }) => families.includes(family))) {
    const remedy = `ask for one address of each family that its clusterIPs have (${families.map(familyName).join(", ")})`;
    return refuse(`requested loadBalancer IP(s) ${quoted} does not match the ipFamily of the service: ${remedy}`);
  }
  return succeed(requested);
}

export function familyName(family: Family): "IPv4" | "IPv6" {
  return family === "ipv4" ? "IPv4" : "IPv6";
}
