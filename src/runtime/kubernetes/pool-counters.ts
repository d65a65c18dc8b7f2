import type { Fault } from "../net/fault.js";
import type { Result } from "../net/result.js";
import { refuse, succeed } from "../net/result.js";
import { asRawObject, identityOf, isRecord } from "./watch-line.js";

/** Addresses of one pool, counted; the capacity is up to 2 ** 128. */
export type PoolCount = Readonly<{
  pool: string;
  capacityIPv4: bigint;
  capacityIPv6: bigint;
  /** Distinct addresses: a shared one counts once. */
  inUseIPv4: number;
  inUseIPv6: number;
}>;

/** What an IPAddressPool's status is to say, twice: exactly, and as numbers that have been through JSON.parse. */
export type PoolCounters = Readonly<{ json: string; numbers: string }>;

/** An IPAddressPool as far as its counters go. `numbers` as in PoolCounters; undefined: it has none, or not all. */
export type CountedPool = Readonly<{ name: string; resourceVersion: string; numbers: string | undefined }>;

const FIELDS = ["assignedIPv4", "assignedIPv6", "availableIPv4", "availableIPv6"] as const;
const MAX_INT64 = 2n ** 63n - 1n; // what the fields take

/**
 * Available is what can be given out and is not in use, never below 0 (addresses may be in use that can not be given out
 * any more) and never above what an int64 holds. The JSON has more digits than a number of JavaScript.
 */
export function countersOf({ capacityIPv4, capacityIPv6, inUseIPv4, inUseIPv6 }: PoolCount): PoolCounters {
  const available = (capacity: bigint, inUse: number): bigint => {
    const left = capacity - BigInt(inUse);
    return left < 0n ? 0n : left > MAX_INT64 ? MAX_INT64 : left;
  };
  const values = [inUseIPv4, inUseIPv6, available(capacityIPv4, inUseIPv4), available(capacityIPv6, inUseIPv6)];
  return {
    json: `{${FIELDS.map((field, index) => `"${field}":${values[index] ?? 0}`).join()}}`,
    numbers: values.map(Number).join(),
  };
}

/** Reads an IPAddressPool of a list, a watch or an answer. Never throws. */
export function readCountedPool(object: unknown): Result<CountedPool, Fault> {
  const raw = asRawObject(object);
  if (raw === undefined) {
    const remedy = "check what stands between us and the server";
    return refuse({ object: "an IPAddressPool", path: "", value: undefined, problem: "has no metadata", remedy });
  }
  const { name, resourceVersion } = identityOf(raw);
  const status = isRecord(raw["status"]) ? raw["status"] : {};
  const values = FIELDS.map((field) => status[field]);
  const numbers = values.every((value) => typeof value === "number") ? values.join() : undefined;
  return succeed({ name, resourceVersion, numbers });
}
