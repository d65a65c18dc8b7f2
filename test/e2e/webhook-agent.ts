// Runs in a host of the lab: the webhooks alone, as a controller starts them, with certificates that live for seconds.
import { createLogger } from "../../src/runtime/metrics/log.js";
import { createRegistry } from "../../src/runtime/metrics/registry.js";
import { createWebhookMetrics } from "../../src/runtime/metrics/webhook-metrics.js";
import { openCluster } from "../../src/runtime/cluster-edge.js";
import { connectToServer } from "../../src/runtime/kubernetes/connect.js";
import { startWebhooks } from "../../src/runtime/start-webhooks.js";
import { aborted, stopOnSignals } from "../../src/runtime/stop-on-signals.js";
import type { CertificateTerms } from "../../src/runtime/webhook/certificate-plan.js";

export type WebhookAgentOptions = Readonly<{ kubeconfig: string; namespace: string; terms: CertificateTerms }>;

const options = JSON.parse(process.argv[2] ?? "{}") as WebhookAgentOptions;
const log = await createLogger({ level: "debug", pretty: false });
const signal = stopOnSignals(log);
const registry = createRegistry();
const edge = openCluster(options, "controller", 20, { registry, log });
if (!edge.ok) throw new Error(edge.fault);
const { client, ports } = edge.value;
const server = await connectToServer(client, ports, signal, () => undefined);
if (server !== undefined) {
  const webhooks = startWebhooks(
    {
      mode: "onlywebhook",
      host: "",
      port: 9443,
      rotation: true,
      certificateFolder: "",
      serviceName: "",
      secretName: "",
    },
    { namespace: options.namespace, configMapName: "config" },
    { client, ports, signal, ...server, metrics: createWebhookMetrics(registry), terms: options.terms },
  );
  await aborted(signal);
  await webhooks.close();
}
client.close();
