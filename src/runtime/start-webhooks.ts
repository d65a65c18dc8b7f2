import { X509Certificate } from "node:crypto";
import type { SecureVersion } from "node:tls";
import type { LoadOptions } from "../config/load.js";
import type { ApiClient } from "./kubernetes/api-client.js";
import type { EdgePorts } from "./kubernetes/ports.js";
import type { WebhookMetrics } from "./metrics/webhook-metrics.js";
import { createRoutes } from "./webhook/answer.js";
import { followCertificateFiles } from "./webhook/certificate-files.js";
import { createCertificateKeeper } from "./webhook/certificate-keeper.js";
import { USUAL_TERMS, type CertificateTerms } from "./webhook/certificate-plan.js";
import { validityOf, type PemPair } from "./webhook/certificate.js";
import { serveWebhooks, type WebhookServer } from "./webhook/server.js";
import { createLiveLists } from "./webhook-lists.js";
import { watchWebhookSecret } from "./webhook-secret.js";
import { watchWebhookTargets } from "./webhook-targets.js";

export type WebhookOptions = Readonly<{
  /** "onlywebhook": webhooks, and no allocation. */
  mode: "enabled" | "disabled" | "onlywebhook";
  /** "" is all addresses. */
  host: string;
  port: number;
  /** false: the certificate is kept by somebody else, in the folder. */
  rotation: boolean;
  certificateFolder: string;
  /** "": the Services' names of all releases; what installed objects name comes first anyway. */
  serviceName: string;
  /** "": the names of all releases. */
  secretName: string;
  minVersion?: SecureVersion;
  /** In OpenSSL's words, between colons. */
  ciphers?: string;
}>;

export type WebhooksNeed = Readonly<{
  client: ApiClient;
  ports: EdgePorts;
  signal: AbortSignal;
  streamingList: boolean;
  metrics: WebhookMetrics;
  /** Default: years. */
  terms?: CertificateTerms;
}>;

export type Webhooks = Readonly<{
  /** Why reviews are not answered; undefined once they are. */
  notReadyReason(): string | undefined;
  close(): Promise<void>;
}>;

/** The names of the releases, newest first. */
const SERVICE_NAMES = ["metallb-webhook-service", "webhook-service"];
const SECRET_NAMES = ["metallb-webhook-cert", "webhook-server-cert"];

/**
 * Serves validation and conversion as soon as there is a certificate, and keeps that. What is not permitted or not
 * there is off and said once. Any number of controllers may do this on one Secret, whether they lead or not.
 */
export function startWebhooks(options: WebhookOptions, config: LoadOptions, need: WebhooksNeed): Webhooks {
  const { client, ports, signal, metrics } = need;
  const { namespace } = config;
  const routes = createRoutes({ config, list: createLiveLists(client, ports, config), counters: metrics });
  let server: WebhookServer | undefined;
  let starting: Promise<void> | undefined;
  let latest: PemPair | undefined;
  let problem: string | undefined = "there is no certificate for the webhooks yet";
  metrics.active("server", false);

  function serve(pair: PemPair): void {
    latest = pair;
    metrics.certificateEnds(validityOf(new X509Certificate(pair.certificate)).until / 1000);
    if (server !== undefined) server.useCertificate(pair);
    else starting ??= start(pair);
  }

  async function start(pair: PemPair): Promise<void> {
    const served = await serveWebhooks({ ...options, routes, counters: metrics }, pair);
    problem = served.ok ? undefined : served.fault;
    metrics.active("server", served.ok);
    if (!served.ok) return ports.log.error({ event: "webhooksOff" }, served.fault); // with an address in use, for good
    server = served.value;
    if (latest !== undefined && latest !== pair) server.useCertificate(latest);
    ports.log.info({ event: "webhooksServed", port: server.port }, "webhooks are served");
  }

  const stop = options.rotation ? keepCertificate() : followCertificateFiles(options.certificateFolder, ports, serve);

  function keepCertificate(): () => void {
    const serviceNames = options.serviceName === "" ? SERVICE_NAMES : [options.serviceName];
    const dnsNames = serviceNames.map((name) => `${name}.${namespace}.svc`);
    const keeper = createCertificateKeeper(
      { namespace, dnsNames, terms: need.terms ?? USUAL_TERMS },
      {
        log: ports.log,
        clock: ports.clock,
        random: ports.random,
        writeSecret: (seen, keys) => secret.write(seen, keys),
        writeBundle: (target, patch) => targets.write(target, patch),
        serve,
      },
    );
    const secret = watchWebhookSecret({
      ...need,
      namespace,
      names: options.secretName === "" ? SECRET_NAMES : [options.secretName],
      seen: (seen) => keeper.secretSeen(seen),
      permitted(isPermitted) {
        metrics.active("certificate", isPermitted);
        if (isPermitted) return;
        const name = options.secretName || SECRET_NAMES[0];
        const remedy = `grant list, watch and patch of the Secret ${namespace}/${name}`;
        problem = `webhooks are off, as there is nowhere to keep their certificate: ${remedy}`;
        ports.log.info({ event: "webhooksOff" }, problem);
      },
    });
    const targets = watchWebhookTargets({
      ...need,
      seen: (target) => keeper.targetSeen(target),
      gone: (key) => keeper.targetGone(key),
      listed: (permitted) => keeper.targetsListed(permitted),
      permitted: (key, isPermitted) => metrics.active(key, isPermitted),
    });
    return () => keeper.stop();
  }

  signal.addEventListener("abort", stop);
  return {
    notReadyReason: () => problem,
    async close() {
      stop();
      await starting;
      await server?.close();
    },
  };
}
