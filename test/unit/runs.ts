/** How many rounds a random test makes: as many as it says, in `make soak` SMELTER_SOAK times as many. */
export function runs(count: number): number {
  return count * Number(process.env["SMELTER_SOAK"] ?? 1);
}
