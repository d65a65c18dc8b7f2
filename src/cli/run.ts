import type { CommandModule } from "yargs";
import { bgpOptions, bgpOptionsOf } from "./bgp-options.js";
import type { Exit } from "./commands.js";
import { OUTPUT_FORMATS, type OutputFormat, clusterOptions, configOptions } from "./options.js";
import { poolChangeOf, poolChangeOption } from "./pool-change.js";

export function runCommand(exit: Exit): CommandModule {
  return {
    command: "run",
    describe: "Do the work on a world of manifests, without Kubernetes",
    builder: (yargs) =>
      yargs
        .option("from", {
          type: "string",
          demandOption: "Name the file or folder with the manifests: --from examples/legacy",
          describe:
            "File or folder of manifests: configuration, Services, Nodes, EndpointSlices; decisions are kept in .smelter beside them",
          requiresArg: true,
        })
        .option("node", {
          type: "string",
          describe: "Announce as the speaker of this node what was decided; without it, decide",
          requiresArg: true,
        })
        .option("once", { type: "boolean", describe: "Print what is decided and end; writes nothing" })
        .option("output", {
          alias: "o",
          choices: OUTPUT_FORMATS,
          default: "table" as const,
          describe: "Form of what --once prints",
        })
        .option("namespace", {
          type: "string",
          describe: "Namespace of the configuration; else the one that all of it lies in, else metallb-system",
          requiresArg: true,
        })
        .option("config", clusterOptions.config)
        .option("generation", clusterOptions.generation)
        .option("pool-change", poolChangeOption)
        .option("lb-class", clusterOptions["lb-class"])
        .option("log-level", clusterOptions["log-level"])
        .options(bgpOptions)
        .conflicts("once", "node")
        .example("$0 run --from examples/legacy --once", "Who gets which address, and who announces it")
        .example("$0 run --from examples/legacy --node n1", "Be the speaker of node n1"),
    handler: async (args) => {
      const namespace = args["namespace"] as string | undefined;
      const options = {
        from: args["from"] as string,
        ...(namespace === undefined ? {} : { namespace }),
        ...configOptions(args),
        loadBalancerClass: args["lbClass"] as string,
        poolChange: poolChangeOf(args),
        logLevel: args["logLevel"] as (typeof clusterOptions)["log-level"]["choices"][number],
      };
      if (args["once"] === true) {
        const { runOnce } = await import("../runtime/run-once.js");
        return exit(await runOnce(options, args["output"] as OutputFormat, process.stdout, process.stderr));
      }
      if (typeof args["node"] === "string") {
        const { runSpeakerOnFiles } = await import("../runtime/run-speaker.js");
        return exit(await runSpeakerOnFiles({ ...options, ...bgpOptionsOf(args), node: args["node"] }));
      }
      const { runControllerOnFiles } = await import("../runtime/run-controller.js");
      return exit(await runControllerOnFiles(options));
    },
  };
}
