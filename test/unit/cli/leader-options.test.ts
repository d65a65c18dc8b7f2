import yargs from "yargs";
import { expect, it } from "vitest";
import { leaderOptions, leaderOptionsOf } from "../../../src/cli/leader-options.js";

/** What the arguments come to, or what is said of them. */
function read(...argv: string[]): unknown {
  let problem: string | undefined;
  const parser = yargs(argv)
    .options(leaderOptions)
    .strict()
    .exitProcess(false)
    .fail((message: string | null, error: Error | undefined) => void (problem ??= error?.message ?? message ?? ""));
  const args = parser.parseSync();
  if (problem !== undefined) return problem;
  try {
    return leaderOptionsOf(args);
  } catch (error) {
    return (error as Error).message;
  }
}

it("elects where it can, with the times that Kubernetes' own programs have", () => {
  expect(read()).toEqual({
    mode: "auto",
    leaseName: "smelter-controller",
    leaseDurationMilliseconds: 15_000,
    renewDeadlineMilliseconds: 10_000,
    retryPeriodMilliseconds: 2_000,
  });
});

it.each([
  { argv: ["--leader-elect"], mode: "on" },
  { argv: ["--leader-elect=true"], mode: "on" },
  { argv: ["--leader-elect=false"], mode: "off" },
  { argv: ["--no-leader-elect"], mode: "off" },
  { argv: ["--leader-elect=auto"], mode: "auto" },
])("$argv is $mode", ({ argv, mode }) => {
  expect(read(...argv)).toMatchObject({ mode });
});

it.each([
  { argv: ["--leader-elect=yes"], says: /--leader-elect is "yes": write true, false or auto/ },
  { argv: ["--leader-elect-lease-duration=5"], says: /--leader-elect-lease-duration is "5", which has no unit: write/ },
  {
    argv: ["--leader-elect-retry-period=0"],
    says: /--leader-elect-retry-period is "0", which is not above zero: write/,
  },
  { argv: ["--leader-elect-lease-duration=5s"], says: /are 5000, 10000 and 2000 ms, not each longer than the next/ },
  { argv: ["--leader-elect-retry-period=10s"], says: /are 15000, 10000 and 10000 ms, not each longer than the next/ },
])("$argv is refused with a remedy", ({ argv, says }) => {
  expect(read(...argv)).toMatch(says);
});
