import type { AskedRecord } from "../../lab/asked-record.js";

export const asked = (address: string, round: number, at: number, lateMs = 0): AskedRecord => ({
  kind: "asked",
  at,
  address,
  round,
  lateMs,
});
export const answered = (address: string, round: number, at: number, mac: string): AskedRecord => ({
  kind: "answered",
  at,
  address,
  round,
  mac,
});
export const claimed = (address: string, at: number, mac: string): AskedRecord & { kind: "claimed" } => ({
  kind: "claimed",
  at,
  address,
  mac,
});
