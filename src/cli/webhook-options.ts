import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Options } from "yargs";
import type { WebhookOptions } from "../runtime/start-webhooks.js";

const WEBHOOK_PORT = 9443;
const TLS_VERSIONS = {
  VersionTLS10: "TLSv1",
  VersionTLS11: "TLSv1.1",
  VersionTLS12: "TLSv1.2",
  VersionTLS13: "TLSv1.3",
} as const;
type TlsVersion = keyof typeof TLS_VERSIONS;

/** Options of the webhooks, spelled as the program they stand in for spells them. */
export const webhookOptions = {
  "webhook-mode": {
    choices: ["enabled", "disabled", "onlywebhook"] as const,
    default: "enabled",
    describe: "Serve admission and conversion webhooks beside allocation, not at all, or alone",
  },
  "webhook-port": { type: "number", default: WEBHOOK_PORT, describe: "Port of the webhooks", requiresArg: true },
  "webhook-secret": {
    type: "string",
    default: "",
    defaultDescription: "metallb-webhook-cert, else webhook-server-cert",
    describe: "Secret that the webhooks' certificate is kept in",
    requiresArg: true,
  },
  "cert-service-name": {
    type: "string",
    default: "",
    defaultDescription: "what webhook configuration and definitions name",
    describe: "Service by which the API server calls the webhooks",
    requiresArg: true,
  },
  "disable-cert-rotation": {
    type: "boolean",
    default: false,
    describe: "Neither make nor renew the certificate: take it from --cert-dir",
  },
  "cert-dir": {
    type: "string",
    default: join(tmpdir(), "k8s-webhook-server/serving-certs"),
    describe: "Folder with tls.crt and tls.key, for --disable-cert-rotation",
    requiresArg: true,
  },
  "webhook-http2": { type: "boolean", default: false, describe: "Taken and without effect: HTTP/1.1 is served" },
  "tls-min-version": {
    choices: ["", ...Object.keys(TLS_VERSIONS)],
    default: "",
    defaultDescription: "VersionTLS12",
    describe: "Oldest version of TLS that is served",
  },
} as const satisfies Record<string, Options>;

/** What the webhooks are to be, out of the arguments. */
export function webhookOptionsOf(args: Readonly<Record<string, unknown>>): WebhookOptions {
  const minVersion = TLS_VERSIONS[args["tlsMinVersion"] as TlsVersion] as WebhookOptions["minVersion"];
  return {
    mode: args["webhookMode"] as WebhookOptions["mode"],
    host: "",
    port: args["webhookPort"] as number,
    rotation: args["disableCertRotation"] !== true,
    certificateFolder: args["certDir"] as string,
    serviceName: args["certServiceName"] as string,
    secretName: args["webhookSecret"] as string,
    ...(minVersion === undefined ? {} : { minVersion }),
  };
}
