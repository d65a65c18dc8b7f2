import type { ApiClient } from "./kubernetes/api-client.js";
import type { EdgePorts } from "./kubernetes/ports.js";
import { resourcePath, type Resource } from "./kubernetes/resource.js";
import { watchResource } from "./kubernetes/watch.js";
import type { Result } from "./net/result.js";
import { refuse } from "./net/result.js";
import { readBundleTarget, type BundlePatch, type BundleTarget } from "./webhook/ca-bundle.js";
import { targetKey, type WriteFailure } from "./webhook/certificate-keeper.js";
import { writeFailure } from "./webhook-secret.js";
import { whenPermitted } from "./when-permitted.js";

export type WebhookTargetsOptions = Readonly<{
  client: ApiClient;
  ports: EdgePorts;
  signal: AbortSignal;
  streamingList: boolean;
  seen(target: BundleTarget): void;
  gone(key: string): void;
  /** All that there are have been told of. @param permitted whether those of today may be written */
  listed(permitted: boolean): void;
  /** @param key as targetKey() has it */
  permitted(key: string, isPermitted: boolean): void;
}>;

export type WebhookTargets = Readonly<{
  write(target: BundleTarget, patch: BundlePatch): Promise<Result<BundleTarget, WriteFailure>>;
}>;

const CONFIGURATIONS: Resource = {
  group: "admissionregistration.k8s.io",
  version: "v1",
  plural: "validatingwebhookconfigurations",
  kind: "ValidatingWebhookConfiguration",
};
const DEFINITIONS: Resource = {
  group: "apiextensions.k8s.io",
  version: "v1",
  plural: "customresourcedefinitions",
  kind: "CustomResourceDefinition",
};

/** The objects of installs that have the API server call us. Those of old are passed over where they are not granted. */
const TARGETS: readonly Readonly<{ resource: Resource; name: string; isOld: boolean }>[] = [
  { resource: CONFIGURATIONS, name: "metallb-webhook-configuration", isOld: false },
  { resource: CONFIGURATIONS, name: "validating-webhook-configuration", isOld: true }, // v0.13.0 to v0.13.3
  { resource: DEFINITIONS, name: "bgppeers.metallb.io", isOld: false },
  { resource: DEFINITIONS, name: "addresspools.metallb.io", isOld: true }, // with a webhook in v0.13
];

/**
 * Watches what tells the API server whom to trust, each object by its name: whoever wipes it is noticed at once, and
 * while it is wiped no resource can be written. What is not there may come later, and is no fault.
 */
export function watchWebhookTargets(options: WebhookTargetsOptions): WebhookTargets {
  const { client, ports, signal, streamingList } = options;
  const known = new Map<string, boolean>(); // whether it is permitted, by key. BOUNDED by TARGETS

  function settle(key: string, isOld: boolean, isPermitted: boolean): void {
    if (known.get(key) === isPermitted) return;
    known.set(key, isPermitted);
    if (isPermitted || !isOld) options.permitted(key, isPermitted);
    if (known.size < TARGETS.length) return;
    options.listed(
      TARGETS.every(({ resource, name, isOld }) => isOld || known.get(`${resource.kind}/${name}`) === true),
    );
  }

  async function watch({ resource: kind, name, isOld }: (typeof TARGETS)[number]): Promise<void> {
    const key = targetKey({ kind: kind.kind as BundleTarget["kind"], name });
    const resource = { ...kind, fieldSelector: `metadata.name=${name}` };
    const verbs = ["list", "watch", "patch"] as const;
    const onDenied = (): "askAgain" | "giveUp" => {
      const remedy = `grant ${verbs.join(", ")} of ${kind.plural} ${name}`;
      const message = `the trust in the webhooks' certificate is not kept in ${key}: ${remedy}`;
      ports.log[isOld ? "debug" : "info"]({ event: "webhookPartOff", part: key }, message);
      settle(key, isOld, false);
      return isOld ? "giveUp" : "askAgain";
    };
    if (!(await whenPermitted(options, { resource, verbs, name }, onDenied))) return;
    watchResource({
      client,
      resource,
      read: readBundleTarget,
      handlers: {
        changed: (target) => options.seen(target),
        deleted: () => options.gone(key),
        listed: () => settle(key, isOld, true),
      },
      ports,
      signal,
      streamingList,
    });
  }

  for (const target of TARGETS) void watch(target);
  return {
    async write({ kind, name }, { contentType, body }) {
      const resource = kind === "CustomResourceDefinition" ? DEFINITIONS : CONFIGURATIONS;
      const path = `${resourcePath(resource, name)}?fieldManager=smelter`;
      const written = await client.request({ method: "PATCH", path, contentType, body });
      if (!written.ok) return refuse(writeFailure(written.fault));
      const read = readBundleTarget(written.value);
      return read.ok ? read : refuse({ kind: "other", message: `Cannot read ${kind} ${name}: ${read.fault.problem}` });
    },
  };
}
