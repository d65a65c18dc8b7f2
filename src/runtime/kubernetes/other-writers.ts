import type { Clock } from "./ports.js";
import { isRecord } from "./watch-line.js";

/** How the API server calls us in managedFields: the user agent up to its slash. */
export const OUR_MANAGER = "smelter";

/** Whether somebody else gives addresses to Services, by what the server notes of each write. */
export interface OtherWriters {
  /** @param object a Service of ours to serve, with its managedFields */
  observe(object: unknown): void;
  areActive(): boolean;
}

const QUIET_MILLISECONDS = 5_000; // without a write, and the other is taken to have ended
/** A write that was longer ago when it is first seen is no sign of life; clocks of machines differ by less, as a rule. */
const OLD_MILLISECONDS = 30_000;

export function createOtherWriters(clock: Pick<Clock, "now" | "date">): OtherWriters {
  let newestAt = 0; // on the server's clock
  let seenAt = -Infinity; // on ours
  return {
    observe(object) {
      const at = othersStatusWriteAt(object);
      if (at === undefined || at <= newestAt) return;
      newestAt = at;
      if (clock.date() - at < OLD_MILLISECONDS) seenAt = clock.now();
    },
    areActive: () => clock.now() - seenAt < QUIET_MILLISECONDS,
  };
}

/**
 * When somebody else last wrote the addresses in a Service's status that are there now.
 * @param object a Service with its managedFields
 * @returns milliseconds since the epoch on the server's clock, to the second; undefined: nobody else did
 */
function othersStatusWriteAt(object: unknown): number | undefined {
  const metadata = isRecord(object) ? object["metadata"] : undefined;
  const entries = isRecord(metadata) ? metadata["managedFields"] : undefined;
  if (!Array.isArray(entries)) return undefined;
  let latest: number | undefined;
  for (const entry of entries) {
    if (!isRecord(entry) || entry["subresource"] !== "status" || entry["manager"] === OUR_MANAGER) continue;
    if (!ownsAddresses(entry["fieldsV1"])) continue;
    const at = Date.parse(String(entry["time"]));
    if (!Number.isNaN(at) && at > (latest ?? 0)) latest = at;
  }
  return latest;
}

function ownsAddresses(fields: unknown): boolean {
  const status = isRecord(fields) ? fields["f:status"] : undefined;
  const loadBalancer = isRecord(status) ? status["f:loadBalancer"] : undefined;
  return isRecord(loadBalancer) && loadBalancer["f:ingress"] !== undefined;
}
