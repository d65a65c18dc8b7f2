import type { Pool } from "../../config/model.js";
import type { IpAddress } from "../net/address.js";
import { formatAddress, parseAddress } from "../net/address.js";
import type { Result } from "../net/result.js";
import { refuse, succeed } from "../net/result.js";
import { objectKey, type EndpointSliceView, type ServiceView } from "../world/views.js";
import type { AnnounceWorld, ServiceWorld, WithholdReason } from "./decision.js";
import { usableEndpoints, type UsableEndpoints } from "./endpoints.js";
import { poolFinderWithoutIndex } from "./pool-finder.js";

/** A Service that has addresses of one pool: what both protocols start from, the same on every node. */
export type Situation = Readonly<{
  service: ServiceView;
  pool: Pool;
  /** One or two, in the order of the status. */
  addresses: readonly IpAddress[];
  /** The same as canonical texts. */
  texts: readonly string[];
  endpoints: UsableEndpoints;
  /** What `endpoints` was made of: releases differ in what is usable. */
  endpointSlices: readonly EndpointSliceView[];
}>;

export type Withheld = Readonly<{ reason: WithholdReason; explanation: string }>;

/** @returns the situation, or why no node announces the Service by any protocol */
export function readSituation(
  world: AnnounceWorld,
  { service, endpointSlices }: ServiceWorld,
): Result<Situation, Withheld> {
  const key = objectKey(service);
  if (service.type !== "LoadBalancer") {
    return refuse({ reason: "notLoadBalancer", explanation: `${key} is of type ${service.type}, not LoadBalancer` });
  }
  if (service.ingress.length === 0) {
    return refuse({ reason: "noIPAllocated", explanation: `${key} has no address in its status` });
  }
  const addresses: IpAddress[] = [];
  for (const { ip, hostname } of service.ingress) {
    const address = ip === undefined ? undefined : parseAddress(ip);
    if (address === undefined) {
      const entry = JSON.stringify(ip ?? hostname ?? "");
      return refuse({ reason: "invalidIP", explanation: `the status of ${key} has ${entry}, which is no address` });
    }
    addresses.push(address);
  }
  const texts = addresses.map(formatAddress);
  const findPool = world.findPool ?? poolFinderWithoutIndex(world.model);
  const [pool, ...others] = new Set(addresses.map(findPool));
  if (pool === undefined || others.length > 0) {
    const explanation = `no pool has ${texts.join(" and ")}, so nothing says how to announce it`;
    return refuse({ reason: "ipNotAllowed", explanation });
  }
  return succeed({ service, pool, addresses, texts, endpoints: usableEndpoints(endpointSlices), endpointSlices });
}
