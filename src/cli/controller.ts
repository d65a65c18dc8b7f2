import type { CommandModule, Options } from "yargs";
import type { Exit } from "./commands.js";
import { leaderOptions, leaderOptionsOf } from "./leader-options.js";
import { clusterOptions, configOptions, resolveNamespace } from "./options.js";
import { poolChangeOf, poolChangeOption } from "./pool-change.js";
import { VERSION } from "./version.js";
import { webhookOptions, webhookOptionsOf } from "./webhook-options.js";

export function controllerCommand(exit: Exit): CommandModule {
  return {
    command: "controller",
    describe: "Give waiting Services their addresses (one in a cluster, or several with Leases)",
    builder: (yargs) =>
      yargs
        .options(clusterOptions)
        .option("pool-change", poolChangeOption)
        .options(webhookOptions)
        .options(leaderOptions)
        .options(memberlistOptions)
        .example("$0 controller --kubeconfig admin.conf", "Run it outside the cluster"),
    handler: async (args) => {
      const [webhooks, election] = [webhookOptionsOf(args), leaderOptionsOf(args)];
      const { runController } = await import("../runtime/controller-main.js");
      const memberlistSecret = { name: args["mlSecretName"] as string, deployment: args["deployment"] as string };
      const poolChange = poolChangeOf(args);
      exit(await runController({ ...commonOptions(args), poolChange, webhooks, election, memberlistSecret }));
    },
  };
}

const memberlistOptions = {
  "ml-secret-name": {
    type: "string",
    default: process.env["METALLB_ML_SECRET_NAME"] ?? "",
    defaultDescription: "METALLB_ML_SECRET_NAME, else none",
    describe: "Secret with the key of the speakers' gossip: made where it is not there",
    requiresArg: true,
  },
  deployment: {
    type: "string",
    default: process.env["METALLB_DEPLOYMENT"] ?? "",
    defaultDescription: "METALLB_DEPLOYMENT, else not known",
    describe: "Deployment of the controllers: that Secret goes with it",
    requiresArg: true,
  },
} as const satisfies Record<string, Options>;

/** What controller and speaker both take from their arguments. */
export function commonOptions(args: Readonly<Record<string, unknown>>) {
  const kubeconfig = args["kubeconfig"] as string | undefined;
  return {
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    namespace: resolveNamespace(args["namespace"] as string | undefined),
    ...configOptions(args),
    loadBalancerClass: args["lbClass"] as string,
    metricsPort: args["port"] as number,
    metricsHost: args["host"] as string,
    healthPort: args["healthProbePort"] as number,
    podName: args["podName"] as string,
    version: VERSION,
    logLevel: args["logLevel"] as (typeof clusterOptions)["log-level"]["choices"][number],
  };
}
