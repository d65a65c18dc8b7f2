export type UntypedRecord = Readonly<Record<string, unknown>>;

export function isRecord(value: unknown): value is UntypedRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
