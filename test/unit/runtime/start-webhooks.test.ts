import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { systemClock } from "../../../src/runtime/kubernetes/system-clock.js";
import { startWebhooks, type WebhookOptions, type Webhooks } from "../../../src/runtime/start-webhooks.js";
import { makeAuthority, makeServerCertificate } from "../../../src/runtime/webhook/certificate.js";
import {
  createStepClock,
  createTestClient,
  eventually,
  notePorts,
  startFakeServer,
  type FakeServer,
} from "./kubernetes/fixtures.js";

const NAMESPACE = "metallb-system";
const SECRETS = `/api/v1/namespaces/${NAMESPACE}/secrets`;
type Secret = Readonly<{ metadata: Readonly<{ name: string; resourceVersion: string }>; data?: object }>;

let server: FakeServer;
let folder: string;
let webhooks: Webhooks | undefined;
beforeEach(async () => {
  server = await startFakeServer();
  folder = mkdtempSync(join(tmpdir(), "smelter-webhooks-"));
});
afterEach(async () => {
  abort.abort();
  await webhooks?.close();
  await server.close();
  rmSync(folder, { recursive: true });
});

let abort = new AbortController();

/** An API server with these Secrets, that grants what `may` says (verb, resource, name). */
function start(
  may: (verb: string, resource: string, name: string) => boolean,
  secrets: readonly string[] = [],
  options: Partial<WebhookOptions> = {},
) {
  abort = new AbortController();
  const clock = createStepClock();
  const noted = notePorts(clock);
  const active = new Map<string, boolean>();
  const there = new Map<string, Secret>(
    secrets.map((name) => [name, { metadata: { name, resourceVersion: "1" } }] as const),
  );
  void serve(may, there);
  webhooks = startWebhooks(
    {
      mode: "enabled",
      host: "127.0.0.1",
      port: 0,
      rotation: true,
      certificateFolder: folder,
      serviceName: "",
      secretName: "",
      ...options,
    },
    { namespace: NAMESPACE, configMapName: "config" },
    {
      client: createTestClient(server.url, notePorts(systemClock)),
      ports: noted.ports,
      signal: abort.signal,
      streamingList: false,
      metrics: {
        reviewed: () => undefined,
        dropped: () => undefined,
        active: (part, isActive) => void active.set(part, isActive),
        certificateEnds: () => undefined,
      },
    },
  );
  return { log: noted.log, active, there, clock };
}

async function serve(may: Parameters<typeof start>[0], there: Map<string, Secret>): Promise<void> {
  for (;;) {
    const { method, url, body, answer, stream } = await server.next();
    if (url.pathname.endsWith("/selfsubjectaccessreviews")) {
      const { verb, resource, name = "" } = (JSON.parse(body) as Review).spec.resourceAttributes;
      answer(201, { status: { allowed: may(verb, resource, name) } });
    } else if (url.searchParams.get("watch") === "true") {
      stream();
    } else if (method === "GET") {
      const wanted = url.searchParams.get("fieldSelector")?.replace("metadata.name=", "") ?? "";
      const found = url.pathname === SECRETS ? there.get(wanted) : undefined;
      answer(200, { metadata: { resourceVersion: "1" }, items: found === undefined ? [] : [found] });
    } else {
      const sent = JSON.parse(body) as Secret;
      const name = sent.metadata.name ?? url.pathname.split("/").at(-1) ?? "";
      const secret = { metadata: { name, resourceVersion: "2" }, ...(sent.data && { data: sent.data }) };
      there.set(name, secret);
      answer(200, secret);
    }
  }
}
type Review = Readonly<{ spec: { resourceAttributes: { verb: string; resource: string; name?: string } } }>;

const writes = (): readonly string[] =>
  server.requests
    .filter(({ method, url }) => method !== "GET" && !url.pathname.endsWith("reviews"))
    .map(({ method, url }) => `${method} ${url.pathname}`);

it("is off where nothing is granted, says so once, and asks for nothing else", async () => {
  const { log, active } = start(() => false);
  await eventually(
    () => active.get("CustomResourceDefinition/bgppeers.metallb.io") === false && active.has("certificate"),
  );
  expect([...active]).toEqual(
    expect.arrayContaining([
      ["server", false],
      ["certificate", false],
      ["ValidatingWebhookConfiguration/metallb-webhook-configuration", false],
    ]),
  );
  expect(webhooks?.notReadyReason()).toMatch(
    /grant list, watch and patch of the Secret metallb-system\/metallb-webhook/,
  );
  expect(log.filter((line) => line.includes("webhooks are off"))).toHaveLength(1);
  expect(server.requests.every(({ url }) => url.pathname.endsWith("/selfsubjectaccessreviews"))).toBe(true);
});

it("keeps the certificate where an older install has it", async () => {
  const { active } = start(() => true, ["webhook-server-cert"]);
  await eventually(() => active.get("server") === true);
  expect(writes()).toEqual([`PATCH ${SECRETS}/webhook-server-cert`]);
  expect(webhooks?.notReadyReason()).toBeUndefined();
});

it("goes by the name that it is told", async () => {
  const { active } = start(() => true, ["webhook-server-cert", "mine"], { secretName: "mine" });
  await eventually(() => active.get("server") === true);
  expect(writes()).toEqual([`PATCH ${SECRETS}/mine`]);
});

it("makes the Secret where it may", async () => {
  const { active, there } = start(() => true);
  await eventually(() => active.get("server") === true);
  expect(writes()).toEqual([`POST ${SECRETS}`]);
  expect(Object.keys(there.get("metallb-webhook-cert")?.data ?? {}).toSorted()).toEqual([
    "ca.crt",
    "ca.key",
    "tls.crt",
    "tls.key",
  ]);
});

it("says what to do where the Secret is not there and may not be made", async () => {
  const { log } = start((verb) => verb !== "create");
  await eventually(() => log.some((line) => line.startsWith("warn: Cannot keep")));
  expect(log.filter((line) => line.startsWith("warn: "))).toEqual([
    "warn: Cannot keep the webhook certificate: Secret metallb-system/metallb-webhook-cert is not there: make it, empty, or grant create of secrets (trying again)",
  ]);
  expect(writes()).toEqual([]);
});

it("shows the certificate in the folder where somebody else keeps it, and says what is wrong with it", async () => {
  const { log, active, clock } = start(() => true, [], { rotation: false });
  await eventually(() => log.some((line) => line.includes("put tls.crt and tls.key there")));
  const validity = { from: Date.now() - 60_000, until: Date.now() + 60_000 };
  const authority = await makeAuthority(validity, "ec");
  const { certificate, key } = await makeServerCertificate(authority, ["by-hand"], validity);
  writeFileSync(join(folder, "tls.crt"), certificate);
  writeFileSync(join(folder, "tls.key"), authority.key);
  await clock.runTimer(() => true);
  await eventually(() => log.some((line) => line.includes("tls.key is not its private key")));
  writeFileSync(join(folder, "tls.key"), key);
  await clock.runTimer(() => true);
  await eventually(() => active.get("server") === true);
  expect(server.requests).toEqual([]);
});
