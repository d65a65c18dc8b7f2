import { X509Certificate } from "node:crypto";
import { describe, expect, it } from "vitest";
import { readBundleTarget, type BundleTarget } from "../../../../src/runtime/webhook/ca-bundle.js";
import {
  createCertificateKeeper,
  targetKey,
  type CertificateKeeper,
  type KeeperPorts,
  type SeenSecret,
} from "../../../../src/runtime/webhook/certificate-keeper.js";
import { USUAL_TERMS, type CertificateSecret } from "../../../../src/runtime/webhook/certificate-plan.js";
import { isSignedBy, readCertificates, validityOf, type PemPair } from "../../../../src/runtime/webhook/certificate.js";

const NAMESPACE = "metallb-system";
const DAY = 86_400_000;
const YEAR = 365 * DAY;
const TERMS = { ...USUAL_TERMS, look: 200 * DAY };
const EMPTY: CertificateSecret = { caCertificates: "", caKey: "", serverCertificate: "", serverKey: "" };

const target = (service = "metallb-webhook-service"): BundleTarget => ({
  kind: "ValidatingWebhookConfiguration",
  name: "metallb-webhook-configuration",
  resourceVersion: "1",
  places: [{ webhook: "a", namespace: NAMESPACE, service, caBundle: "" }],
});

type Timer = Readonly<{ at: number; run: () => void }>;
type RunningKeeper = Readonly<{ keeper: CertificateKeeper; timers: Set<Timer>; served: PemPair[] }>;

/** A cluster with a Secret and one webhook configuration, on a clock of its own, and keepers in it. */
function createCluster() {
  let now = Date.UTC(2026, 0, 1);
  let version = 1;
  let secret: SeenSecret = { resourceVersion: "1", secret: EMPTY };
  let configuration = target();
  const keepers: RunningKeeper[] = [];
  const writes: string[] = [];
  const log: string[] = [];
  let failWrites = false;
  let forgetful = false;

  const note = (_: unknown, message: string): void => void log.push(message);
  const nextVersion = (): string => String((version += 1));

  function setSecret(keys: Partial<CertificateSecret>): void {
    secret = { resourceVersion: nextVersion(), secret: forgetful ? EMPTY : { ...secret.secret, ...keys } };
    for (const { keeper } of keepers) keeper.secretSeen(secret);
  }
  function setBundle(caBundle: string): void {
    const places = configuration.places.map((place) => Object.assign({}, place, { caBundle }));
    configuration = { ...configuration, resourceVersion: nextVersion(), places };
    for (const { keeper } of keepers) keeper.targetSeen(configuration);
  }

  function startKeeper(permitted: boolean): RunningKeeper {
    const timers = new Set<Timer>();
    const served: PemPair[] = [];
    const ports: KeeperPorts = {
      log: { debug: note, info: note, warn: note, error: note },
      clock: {
        date: () => now,
        setTimer(milliseconds, run) {
          const timer = { at: now + milliseconds, run };
          timers.add(timer);
          return () => void timers.delete(timer);
        },
      },
      random: () => 0.5,
      async writeSecret(seen, keys) {
        if (failWrites) return { ok: false, fault: { kind: "other", message: "Cannot PATCH: no" } };
        if (seen.resourceVersion !== secret.resourceVersion) {
          return { ok: false, fault: { kind: "conflict", message: "Cannot PATCH: conflict" } };
        }
        writes.push(Object.keys(keys).toSorted().join());
        setSecret(keys);
        return { ok: true, value: secret };
      },
      async writeBundle(seen, { body }) {
        if (seen.resourceVersion !== configuration.resourceVersion) {
          return { ok: false, fault: { kind: "conflict", message: "Cannot PATCH: conflict" } };
        }
        const [webhook] = (JSON.parse(body) as { webhooks: { clientConfig: { caBundle: string } }[] }).webhooks;
        writes.push("bundle");
        setBundle(webhook?.clientConfig.caBundle ?? "");
        return { ok: true, value: configuration };
      },
      serve: (pair) => void served.push(pair),
    };
    const options = {
      namespace: NAMESPACE,
      dnsNames: [`metallb-webhook-service.${NAMESPACE}.svc`],
      terms: TERMS,
      authorityKey: "ec",
    } as const;
    const keeper = createCertificateKeeper(options, ports);
    const one = { keeper, timers, served };
    keepers.push(one);
    keeper.targetSeen(configuration);
    keeper.targetsListed(permitted);
    keeper.secretSeen(secret);
    return one;
  }

  /** Until each of them waits for a timer. */
  async function settle(): Promise<void> {
    while (keepers.some(({ timers }) => timers.size === 0)) await new Promise((resolve) => void setImmediate(resolve));
  }

  /** Lets time pass, timer by timer. */
  async function pass(milliseconds: number, after: () => void = () => undefined): Promise<void> {
    const end = now + milliseconds;
    for (;;) {
      await settle();
      after();
      const timers = keepers.flatMap((one) => [...one.timers].map((timer) => ({ one, timer })));
      const [next] = timers.toSorted((a, b) => a.timer.at - b.timer.at);
      if (next === undefined || next.timer.at > end) break;
      now = Math.max(now, next.timer.at);
      next.one.timers.delete(next.timer);
      next.timer.run();
    }
    now = end;
  }

  return {
    start: (permitted = true) => startKeeper(permitted),
    setSecret,
    setBundle,
    settle,
    pass,
    writes,
    log,
    now: () => now,
    secret: () => secret.secret,
    bundle: () => Buffer.from(configuration.places[0]?.caBundle ?? "", "base64").toString(),
    failWrites: (fail: boolean) => void (failWrites = fail),
    beForgetful: () => void (forgetful = true),
    /** What the API server would say to what each of them serves. */
    problems(): readonly string[] {
      const authorities = readCertificates(Buffer.from(configuration.places[0]?.caBundle ?? "", "base64").toString());
      return keepers.flatMap(({ served }) => {
        const certificate = new X509Certificate(served.at(-1)?.certificate ?? "");
        const { from, until } = validityOf(certificate);
        const isCurrent = from <= now && now < until;
        const isTrusted = authorities.ok && authorities.value.some((authority) => isSignedBy(certificate, authority));
        return [isCurrent ? "" : `over at ${now}`, isTrusted ? "" : `not trusted at ${now}`].filter(Boolean);
      });
    },
  };
}

describe("several keepers", () => {
  it("that begin together come to one certificate", async () => {
    const cluster = createCluster();
    const keepers = [cluster.start(), cluster.start(), cluster.start()];
    await cluster.pass(0);
    expect(cluster.writes.filter((write) => write !== "bundle")).toHaveLength(1);
    expect(new Set(keepers.map(({ served }) => served.at(-1)?.certificate)).size).toBe(1);
    expect(cluster.problems()).toEqual([]);
    expect(cluster.bundle()).toBe(cluster.secret().caCertificates);
  });

  it("serve what is trusted for twelve years, and write no more than that takes", async () => {
    const cluster = createCluster();
    cluster.start();
    cluster.start();
    await cluster.pass(0);
    const problems = new Set<string>();
    await cluster.pass(12 * YEAR, () => cluster.problems().forEach((problem) => problems.add(problem)));
    expect([...problems]).toEqual([]);
    const authorities = cluster.writes.filter((write) => write === "caCertificates,caKey");
    const certificates = cluster.writes.filter((write) => write === "serverCertificate,serverKey");
    expect(authorities).toHaveLength(1); // 90 days before ten years
    expect(certificates.length).toBeLessThanOrEqual(12 / (275 / 365) + 1);
    expect(readCertificates(cluster.bundle())).toMatchObject({ ok: true, value: [{ ca: true }] }); // the first is over
  });

  it("mend whatever is wiped", async () => {
    const cluster = createCluster();
    cluster.start();
    cluster.start();
    for (const wipe of [
      () => cluster.setBundle(""),
      () => cluster.setBundle("c29tZWJvZHkgZWxzZQ=="),
      () => cluster.setSecret(EMPTY),
      () => cluster.setSecret({ serverKey: "" }),
      () => cluster.setSecret({ caKey: "nonsense" }),
    ]) {
      wipe();
      await cluster.pass(5_000);
      expect(cluster.problems()).toEqual([]);
    }
  });
});

it("does not race somebody who keeps wiping", async () => {
  const cluster = createCluster();
  cluster.start();
  await cluster.pass(0);
  cluster.writes.length = 0;
  await cluster.pass(10 * 60_000, () => {
    if (cluster.bundle() !== "") cluster.setBundle("");
  });
  expect(cluster.writes.length).toBeLessThan(30);
});

it("calls itself by the names that the targets have", async () => {
  const cluster = createCluster();
  const { keeper, served } = cluster.start();
  await cluster.pass(0);
  keeper.targetSeen({ ...target("webhook-service"), name: "another" });
  await cluster.pass(0);
  const names = new X509Certificate(served.at(-1)?.certificate ?? "").subjectAltName;
  expect(names).toBe("DNS:metallb-webhook-service.metallb-system.svc, DNS:webhook-service.metallb-system.svc");
  keeper.targetGone(targetKey({ ...target(), name: "another" }));
  await cluster.pass(0);
  expect(served).toHaveLength(2);
});

/** Of which authority in the Secret a certificate is: 0 is the one that signs. */
function authorityOf(cluster: ReturnType<typeof createCluster>, pair: PemPair | undefined): number {
  const authorities = readCertificates(cluster.secret().caCertificates);
  const certificate = new X509Certificate(pair?.certificate ?? "");
  return authorities.ok ? authorities.value.findIndex((authority) => isSignedBy(certificate, authority)) : -1;
}
const endOf = (pem: string): number => validityOf(new X509Certificate(pem)).until;

it("uses a new authority a minute after everybody knows it", async () => {
  const cluster = createCluster();
  const { served } = cluster.start();
  await cluster.pass(0);
  await cluster.pass(endOf(cluster.secret().caCertificates) - 90 * DAY - cluster.now());
  expect(cluster.writes.at(-1)).toBe("bundle");
  expect(cluster.bundle()).toBe(cluster.secret().caCertificates);
  expect(authorityOf(cluster, served.at(-1))).toBe(1);
  await cluster.pass(30_000);
  cluster.setBundle(""); // the minute begins anew
  await cluster.pass(59_000);
  expect(authorityOf(cluster, served.at(-1))).toBe(1);
  await cluster.pass(2_000);
  expect(authorityOf(cluster, served.at(-1))).toBe(0);
});

it("uses no new authority of which it may not tell, as long as the certificate of the last is good", async () => {
  const cluster = createCluster();
  const { served } = cluster.start(false);
  await cluster.pass(0);
  cluster.setBundle(Buffer.from(cluster.secret().caCertificates).toString("base64")); // somebody does it by hand
  await cluster.pass(endOf(cluster.secret().caCertificates) - 60 * DAY - cluster.now());
  expect(authorityOf(cluster, served.at(-1))).toBe(1);
  const [, last] = cluster.secret().caCertificates.split(/(?=-----BEGIN)/);
  await cluster.pass(Math.min(endOf(last ?? ""), endOf(served.at(-1)?.certificate ?? "")) - cluster.now() - 1);
  expect(authorityOf(cluster, served.at(-1))).toBe(1);
  await cluster.pass(1);
  expect(authorityOf(cluster, served.at(-1))).toBe(0);
});

it("says once that it cannot write, and writes when it can", async () => {
  const cluster = createCluster();
  cluster.failWrites(true);
  cluster.start();
  await cluster.pass(5_000);
  expect(cluster.log.filter((message) => message.startsWith("Cannot PATCH: no"))).toHaveLength(1);
  cluster.failWrites(false);
  await cluster.pass(60_000);
  expect(cluster.problems()).toEqual([]);
});

it("does not write in a loop where the Secret keeps nothing", async () => {
  const cluster = createCluster();
  cluster.beForgetful();
  cluster.start();
  await cluster.pass(20_000);
  expect(cluster.writes.length).toBeLessThan(8);
  expect(cluster.log.filter((message) => message.includes("does not hold what is written"))).toHaveLength(1);
});

describe("readBundleTarget()", () => {
  const service = { name: "metallb-webhook-service", namespace: NAMESPACE, path: "/convert" };
  const metadata = { name: "x", resourceVersion: "7" };
  it.each([
    [
      "a conversion",
      {
        kind: "CustomResourceDefinition",
        metadata,
        spec: { conversion: { strategy: "Webhook", webhook: { clientConfig: { service, caBundle: "YQ==" } } } },
      },
      [{ webhook: "", service: service.name, caBundle: "YQ==" }],
    ],
    ["no conversion", { kind: "CustomResourceDefinition", metadata, spec: { conversion: { strategy: "None" } } }, []],
    [
      "webhooks",
      {
        kind: "ValidatingWebhookConfiguration",
        metadata,
        webhooks: [
          { name: "a", clientConfig: { service } },
          { name: "b", clientConfig: { url: "https://elsewhere" } },
          null,
        ],
      },
      [{ webhook: "a", caBundle: "" }],
    ],
    ["no webhooks", { kind: "ValidatingWebhookConfiguration", metadata }, []],
  ])("reads %s", (_, object, places) => {
    expect(readBundleTarget(object)).toMatchObject({ ok: true, value: { resourceVersion: "7", places } });
  });
  it.each([[undefined], [{ kind: "Service", metadata }], [{ kind: "CustomResourceDefinition" }]])(
    "refuses %j",
    (object) => {
      expect(readBundleTarget(object)).toMatchObject({ ok: false });
    },
  );
});
