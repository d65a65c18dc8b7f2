import type { Options } from "yargs";
import { parseGoDuration } from "../runtime/net/go-duration.js";

const readMilliseconds =
  (option: string) =>
  (text: string): number => {
    const duration = parseGoDuration(text);
    const milliseconds = duration.ok ? Number(duration.value / 1_000_000n) : 0;
    if (milliseconds > 0) return milliseconds;
    const problem = duration.ok ? "is not above zero" : duration.fault;
    throw new Error(`${option} is ${JSON.stringify(text)}, which ${problem}: write a duration such as 15s`);
  };

/** As the clients of Kubernetes that are written in Go call them. */
export const leaderOptions = {
  "leader-elect": {
    type: "string",
    defaultDescription: "auto", // a real default would stand in for the value of a bare --leader-elect
    describe: "Of several controllers one writes, by a Lease: true, false, or auto: in a Pod that may use Leases",
    coerce: readMode,
  },
  "leader-elect-lease-duration": {
    type: "string",
    default: "15s",
    describe: "How long others wait for a leader that does not renew its Lease",
    coerce: readMilliseconds("--leader-elect-lease-duration"),
    requiresArg: true,
  },
  "leader-elect-renew-deadline": {
    type: "string",
    default: "10s",
    describe: "How long a leader writes that cannot renew its Lease; shorter than the Lease",
    coerce: readMilliseconds("--leader-elect-renew-deadline"),
    requiresArg: true,
  },
  "leader-elect-retry-period": {
    type: "string",
    default: "2s",
    describe: "Between two renewals; shorter than the deadline",
    coerce: readMilliseconds("--leader-elect-retry-period"),
    requiresArg: true,
  },
  "leader-elect-resource-name": {
    type: "string",
    default: "smelter-controller",
    describe: "Name of the Lease; one for each --lb-class that is served in a namespace",
    requiresArg: true,
  },
} as const satisfies Record<string, Options>;

/** As the controller takes them. Throws where they do not fit together. */
export function leaderOptionsOf(args: Readonly<Record<string, unknown>>) {
  const leaseDurationMilliseconds = args["leaderElectLeaseDuration"] as number;
  const renewDeadlineMilliseconds = args["leaderElectRenewDeadline"] as number;
  const retryPeriodMilliseconds = args["leaderElectRetryPeriod"] as number;
  // A Lease says whole seconds, and the holder of one must have stopped before they are over.
  if (leaseDurationMilliseconds <= renewDeadlineMilliseconds || renewDeadlineMilliseconds <= retryPeriodMilliseconds) {
    const [lease, deadline, retry] = [leaseDurationMilliseconds, renewDeadlineMilliseconds, retryPeriodMilliseconds];
    throw new Error(
      `Cannot elect a leader: lease duration, renew deadline and retry period are ${lease}, ${deadline} and ${retry} ms, ` +
        "not each longer than the next: write for instance 15s, 10s and 2s",
    );
  }
  return {
    mode: (args["leaderElect"] ?? "auto") as "on" | "off" | "auto",
    leaseName: args["leaderElectResourceName"] as string,
    leaseDurationMilliseconds,
    renewDeadlineMilliseconds,
    retryPeriodMilliseconds,
  };
}

/** `--no-leader-elect` comes as false. */
function readMode(text: string | boolean): "on" | "off" | "auto" {
  switch (text) {
    case "":
    case "true":
    case true:
      return "on";
    case "false":
    case false:
      return "off";
    case "auto":
      return "auto";
    default:
      throw new Error(`--leader-elect is ${JSON.stringify(text)}: write true, false or auto`);
  }
}
