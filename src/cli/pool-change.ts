import type { Options } from "yargs";

export type PoolChange = "refuse" | "reassign";

export const poolChangeOption = {
  choices: ["refuse", "reassign"] as const satisfies readonly PoolChange[],
  defaultDescription: "refuse; reassign in place of v0.14 and later",
  describe: "What to do with a configuration that has no room for an address in use",
} as const satisfies Options;

/** Arguments, as yargs spells them, that no release before v0.14 took and whose manifests set them. */
const SINCE_V0_14 = [
  "tlsMinVersion",
  "tlsCipherSuites",
  "tlsCurvePreferences",
  "webhookSecret",
  "metricsCertDir",
  "pprofBindAddress",
  "podName",
];
const PORT_SINCE_V0_16 = 9120;

/**
 * What is asked for, else what the release did that is replaced: up to v0.13 a configuration without room was refused,
 * from v0.14 on the Services got other addresses. The arguments of its manifest tell v0.14 and later; in doubt nothing
 * is taken away.
 */
export function poolChangeOf(args: Readonly<Record<string, unknown>>): PoolChange {
  const asked = args["poolChange"];
  if (asked === "refuse" || asked === "reassign") return asked;
  if (args["generation"] !== undefined) return "refuse"; // all that can be named there are older
  const isSet = (name: string): boolean => args[name] !== undefined && args[name] !== "";
  return args["port"] === PORT_SINCE_V0_16 || SINCE_V0_14.some(isSet) ? "reassign" : "refuse";
}
