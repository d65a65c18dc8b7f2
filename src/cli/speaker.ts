import type { CommandModule } from "yargs";
import { bgpOptions, bgpOptionsOf } from "./bgp-options.js";
import type { Exit } from "./commands.js";
import { commonOptions } from "./controller.js";
import { layer2Options, layer2OptionsOf } from "./layer2-options.js";
import { membershipFlagsOf, membershipOptions, speakerLabelsOf } from "./membership-options.js";
import { clusterOptions } from "./options.js";
import { parseRelease, type Release } from "../runtime/announce/release.js";

export function speakerCommand(exit: Exit): CommandModule {
  return {
    command: "speaker",
    describe: "Announce Service addresses from this node (one on each node)",
    builder: (yargs) =>
      yargs
        .options(clusterOptions)
        .alias({ port: "metrics-port", host: "metrics-host" }) // as a distribution's build of the old speaker had it
        .option("node-name", {
          type: "string",
          default: process.env["METALLB_NODE_NAME"],
          defaultDescription: "METALLB_NODE_NAME",
          demandOption: "Name the node this speaker runs on: --node-name or METALLB_NODE_NAME",
          describe: "Name of this node's Node object",
          requiresArg: true,
        })
        .options(membershipOptions)
        .option("ignore-exclude-lb", {
          type: "boolean",
          default: false,
          describe: "Announce also from nodes labelled exclude-from-external-load-balancers",
        })
        .option("fleet-generation", {
          type: "string",
          describe:
            "Release of the original's speakers in this fleet, where neither image nor arguments of their Pods show it; without it the newest",
          requiresArg: true,
          coerce: readFleetGeneration,
        })
        .option("exclude-interfaces", {
          type: "string",
          default: "/etc/metallb/excludel2.yaml",
          describe: "File with the interfaces that are never answered on; none is read where it does not exist",
          requiresArg: true,
        })
        .options(layer2Options)
        .options(bgpOptions)
        .example("METALLB_NODE_NAME=node1 $0 speaker --kubeconfig admin.conf", "Run it outside the cluster"),
    handler: async (args) => {
      const { runSpeaker } = await import("../runtime/speaker-main.js");
      exit(
        await runSpeaker({
          ...commonOptions(args),
          ...bgpOptionsOf(args),
          node: args["nodeName"] as string,
          speakerLabels: speakerLabelsOf(args),
          membershipFlags: membershipFlagsOf(args),
          ...(args["fleetGeneration"] !== undefined && { fleetGeneration: args["fleetGeneration"] as Release }),
          ignoreExcludeLabel: args["ignoreExcludeLb"] as boolean,
          excludeInterfacesFile: args["excludeInterfaces"] as string,
          layer2: layer2OptionsOf(args),
        }),
      );
    },
  };
}

/** @throws Error with a remedy where the text names no release */
function readFleetGeneration(text: string): Release {
  const release = parseRelease(text);
  if (release !== undefined) return release;
  throw new Error(
    `Cannot use --fleet-generation: it is ${JSON.stringify(text)}, not a release: write one as v0.11 or v0.13.10`,
  );
}
