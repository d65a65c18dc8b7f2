import type { Options } from "yargs";
import type { MembershipFlags } from "../runtime/membership/settings.js";

/** Of the Pods that the manifests of all generations make. */
const SPEAKER_LABELS = "app=metallb,component=speaker";

/** Gossip of the speakers. None has a default here: what is not given is read from the environment, or leaves gossip off. */
export const membershipOptions = {
  "ml-bindaddr": {
    type: "string",
    describe:
      "Address of this node for gossip with the other speakers; without it gossip is off [METALLB_ML_BIND_ADDR]",
    requiresArg: true,
  },
  "ml-bindport": {
    type: "string",
    describe: "Port of gossip, UDP and TCP, on all nodes [METALLB_ML_BIND_PORT, 7946]",
    requiresArg: true,
  },
  "ml-labels": {
    type: "string",
    describe: `Labels of the speakers' Pods, by which they find each other; gossip wants them said [METALLB_ML_LABELS, else ${SPEAKER_LABELS} is looked for]`,
    requiresArg: true,
  },
  "ml-secret-key-path": {
    type: "string",
    describe: "Folder with the file secretkey, by which gossip is encrypted [METALLB_ML_SECRET_KEY_PATH]",
    requiresArg: true,
  },
  "ml-secret-key": {
    type: "string",
    describe: "That secret itself; as a flag it is in the list of processes [METALLB_ML_SECRET_KEY]",
    requiresArg: true,
  },
  "ml-wan-config": {
    type: "boolean",
    describe: "Time limits of gossip for nodes that are far apart",
  },
} as const satisfies Record<string, Options>;

type Arguments = Readonly<Record<string, unknown>>;

/** The flags that were given. */
export function membershipFlagsOf(args: Arguments): MembershipFlags {
  return Object.fromEntries(
    Object.keys(membershipOptions).flatMap((name) => (args[name] === undefined ? [] : [[name, args[name]]])),
  );
}

/** The labels of the speakers' Pods, whether there is gossip or not. */
export function speakerLabelsOf(args: Arguments): string {
  return (args["ml-labels"] as string | undefined) || process.env["METALLB_ML_LABELS"] || SPEAKER_LABELS;
}
