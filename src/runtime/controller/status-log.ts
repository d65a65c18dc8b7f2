import { canonicalAddress } from "../net/address.js";
import type { Logger } from "../net/logger.js";
import { objectKey, type ServiceView } from "../world/views.js";
import type { WantedStatus } from "./status.js";

/** A status, and why it is to be so. */
export type ReasonedStatus = WantedStatus & Readonly<{ reason: string }>;

/** Before the write, which may be stored without an answer: an address that moved is looked up in the log. */
export function logTaken(log: Logger, service: ServiceView, { addresses, reason }: ReasonedStatus): void {
  const shown = service.ingress.flatMap(({ ip }) => (ip === undefined ? [] : (canonicalAddress(ip) ?? ip)));
  const before = shown.filter((ip) => !addresses.includes(ip));
  if (before.length === 0) return;
  const fields = { event: "addressTaken", service: objectKey(service), before, ips: addresses, reason };
  log.info(fields, "takes an address away");
}

export function logWritten(log: Logger, service: ServiceView, { addresses, pool, reason }: ReasonedStatus): void {
  const fields = { service: objectKey(service), ips: addresses, pool, reason };
  if (addresses.length > 0) log.info({ event: "ipAllocated", ...fields }, "IP address assigned by controller");
  else log.info({ event: "serviceCleared", ...fields }, "cleared the status of a Service without an address");
}
