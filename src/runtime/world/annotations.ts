import type { ServiceView } from "./views.js";

/** The prefixes of the annotations that Services carry: what is written now, and what older releases wrote. */
export const CURRENT_PREFIX = "metallb.io/";
export const DEPRECATED_PREFIX = "metallb.universe.tf/";

/** `ip-allocated-from-pool` is written by the controller: the pool that the status comes from. */
export type AnnotationName =
  | "address-pool"
  | "loadBalancerIPs"
  | "allow-shared-ip"
  | "ip-allocated-from-pool"
  | "bgp-communities"
  | "bgp-local-pref";

/** The value of an annotation under either prefix; the current one wins even where it is empty. */
export function annotationOf({ annotations }: ServiceView, name: AnnotationName): string | undefined {
  return annotations[`${CURRENT_PREFIX}${name}`] ?? annotations[`${DEPRECATED_PREFIX}${name}`];
}

/** Keys under the old prefix that the Service carries, sorted. */
export function deprecatedAnnotations({ annotations }: ServiceView): string[] {
  return Object.keys(annotations)
    .filter((key) => key.startsWith(DEPRECATED_PREFIX.slice(0, -1)))
    .toSorted();
}
