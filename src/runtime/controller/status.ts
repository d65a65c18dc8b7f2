import type { Decision } from "../allocator/decision.js";
import { canonicalAddress } from "../net/address.js";
import type { ServiceView } from "../world/views.js";
import { SOURCE_POOL_ANNOTATION } from "./ports.js";

/** What a Service's status and its source-pool annotation are to be. */
export type WantedStatus = Readonly<{ addresses: readonly string[]; pool: string | undefined }>;

const NOTHING: WantedStatus = { addresses: [], pool: undefined };

/** @returns undefined where the Service is not ours to write */
export function wantedStatus(decision: Decision): WantedStatus | undefined {
  switch (decision.outcome) {
    case "assigned":
    case "kept": {
      const { addresses, pool } = decision;
      return { addresses, pool: pool === "" ? undefined : pool }; // no pool: no annotation, rather than an empty one
    }
    case "pending":
    case "released":
      return NOTHING;
    case "ignored":
      return undefined;
  }
}

/**
 * Whether the Service already is as wanted, so that there is nothing to write. Spellings of an address are equal. An
 * ipMode is never written: the server fills in VIP where it knows the field. One that says otherwise (Proxy, left by
 * another load balancer: nodes would not route to the address) goes away with a write.
 */
export function isAsWanted({ ingress, annotations }: ServiceView, { addresses, pool }: WantedStatus): boolean {
  return (
    annotations[SOURCE_POOL_ANNOTATION] === pool &&
    ingress.length === addresses.length &&
    ingress.every(({ ip, hostname, ipMode }, index) => {
      const address = ip === undefined ? undefined : (canonicalAddress(ip) ?? ip);
      return hostname === undefined && ipMode === undefined && address === addresses[index];
    })
  );
}

/** The Service as it is after the write that made it so. */
export function withStatus(service: ServiceView, wanted: WantedStatus, resourceVersion: string): ServiceView {
  const { [SOURCE_POOL_ANNOTATION]: _, ...annotations } = service.annotations;
  return {
    ...service,
    resourceVersion,
    annotations: wanted.pool === undefined ? annotations : { ...annotations, [SOURCE_POOL_ANNOTATION]: wanted.pool },
    ingress: wanted.addresses.map((ip) => ({ ip })),
  };
}
