import type { KubernetesDocument } from "../../../../src/config/documents.js";
import { createAllocator } from "../../../../src/runtime/allocator/create-allocator.js";
import type { Controller, ControllerOptions } from "../../../../src/runtime/controller/controller.js";
import { createController } from "../../../../src/runtime/controller/create-controller.js";
import type { ControllerPorts, StatusOutcome, StatusWrite } from "../../../../src/runtime/controller/ports.js";
import { SOURCE_POOL_ANNOTATION } from "../../../../src/runtime/controller/ports.js";
import {
  objectKey,
  type NamespaceView,
  type ObjectKey,
  type ServiceView,
} from "../../../../src/runtime/world/views.js";

/** Time that stands still until it is moved. */
export type ManualClock = Readonly<{
  now(): number;
  date(): number;
  setTimer(milliseconds: number, run: () => void): () => void;
  /** Runs what is due until then, in order, and all that follows from it without a delay. */
  advance(milliseconds: number): Promise<void>;
  /** Delays of the timers that wait, without those that are due. */
  waiting(): readonly number[];
}>;

export function createManualClock(): ManualClock {
  let now = 0;
  const timers = new Set<{ at: number; run: () => void }>();
  return {
    now: () => now,
    date: () => now,
    setTimer(milliseconds, run) {
      const timer = { at: now + milliseconds, run };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    async advance(milliseconds) {
      const end = now + milliseconds;
      for (;;) {
        await settled();
        const [next] = [...timers].filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at);
        if (next === undefined) break;
        timers.delete(next);
        now = next.at;
        next.run();
      }
      now = end;
    },
    waiting: () => [...timers].map(({ at }) => at - now).filter((delay) => delay > 0),
  };
}

/** Lets every promise that is settled already have its effects. */
const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

export const service = (name: string, changes: Partial<ServiceView> = {}): ServiceView => ({
  namespace: "default",
  name,
  uid: `uid-${name}`,
  resourceVersion: "1",
  type: "LoadBalancer",
  loadBalancerIP: "",
  labels: {},
  annotations: {},
  ports: [{ protocol: "TCP", port: 80 }],
  selector: {},
  externalTrafficPolicy: "Cluster",
  clusterIPs: ["10.96.0.10"],
  ipFamilies: ["IPv4"],
  ipFamilyPolicy: "SingleStack",
  ingress: [],
  ...changes,
});

/** A Service that has its address, as a controller before us left it. */
export const assigned = (name: string, ip: string, pool = "default"): ServiceView =>
  service(name, { ingress: [{ ip }], annotations: { [SOURCE_POOL_ANNOTATION]: pool } });

/** The legacy ConfigMap with one pool, or with the text given. */
export function configMap(addresses: string, text?: string): readonly KubernetesDocument[] {
  const config = text ?? `address-pools:\n- name: default\n  protocol: layer2\n  addresses: ["${addresses}"]\n`;
  return [
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      namespace: "metallb-system",
      name: "config",
      body: {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: "config", namespace: "metallb-system" },
        data: { config },
      },
    },
  ];
}

/** One IPAddressPool, 192.0.2.1 to 192.0.2.9, for the Services selected. */
export function selectingPool(serviceAllocation: object): KubernetesDocument {
  const body = {
    apiVersion: "metallb.io/v1beta1",
    kind: "IPAddressPool",
    metadata: { name: "kept", namespace: "metallb-system" },
    spec: { addresses: ["192.0.2.1-192.0.2.9"], serviceAllocation },
  };
  return { apiVersion: body.apiVersion, kind: body.kind, namespace: "metallb-system", name: "kept", body };
}

export type World = Readonly<{
  controller: Controller;
  clock: ManualClock;
  /** What the "server" has. */
  stored: Map<ObjectKey, ServiceView>;
  /** `key: address,address from pool`, in the order in which they were begun. */
  writes: string[];
  /** `key reason: message` */
  events: string[];
  log: Readonly<{ level: string; message: string }>[];
  config: () => Readonly<{ loaded: boolean; stale: boolean }> | undefined;
  updates: Readonly<{ handled: number; failed: number }>;
  /** Answers of the next writes, instead of the server's own. A promise keeps a write in flight. */
  answers: (StatusOutcome | Promise<StatusOutcome>)[];
  inFlight: Readonly<{ now: number; most: number }>;
  /** Stores a Service and tells of it, as a watch would. */
  put(view: ServiceView): void;
  remove(name: string): void;
  /** Everything told and settled: the Services, the Namespaces, no Nodes, and the documents. */
  begin(
    services: readonly ServiceView[],
    documents: readonly KubernetesDocument[],
    namespaces?: readonly NamespaceView[],
  ): Promise<void>;
  useConfig(documents: readonly KubernetesDocument[]): Promise<void>;
  /** The addresses of each Service that has some. */
  addresses(): Readonly<Record<string, string>>;
}>;

/** A controller with the real allocator and configuration, before a server that stores what it is told. */
export function createWorld(
  options: Partial<ControllerOptions> = {},
  ports: Pick<ControllerPorts, "othersGive"> = {},
): World {
  const clock = createManualClock();
  const stored = new Map<ObjectKey, ServiceView>();
  const writes: string[] = [];
  const events: string[] = [];
  const log: { level: string; message: string }[] = [];
  const answers: World["answers"] = [];
  const updates = { handled: 0, failed: 0 };
  const inFlight = { now: 0, most: 0 };
  let config: Readonly<{ loaded: boolean; stale: boolean }> | undefined;
  let version = 100;

  function store({ service: view, addresses, pool }: StatusWrite): StatusOutcome {
    const key = objectKey(view);
    const current = stored.get(key);
    if (current === undefined) return { outcome: "gone" };
    if (current.resourceVersion !== view.resourceVersion) return { outcome: "conflict" };
    version += 1;
    const { [SOURCE_POOL_ANNOTATION]: _, ...annotations } = current.annotations;
    const written = {
      ...current,
      resourceVersion: `${version}`,
      ingress: addresses.map((ip) => ({ ip })),
      annotations: pool === undefined ? annotations : { ...annotations, [SOURCE_POOL_ANNOTATION]: pool },
    };
    stored.set(key, written);
    queueMicrotask(() => controller.serviceChanged(written)); // the watch brings it back
    return { outcome: "written", resourceVersion: `${version}` };
  }

  const line =
    (level: string) =>
    (_fields: unknown, message: string): void =>
      void log.push({ level, message });
  const controller = createController(
    { namespace: "metallb-system", configMapName: "config", poolChange: "refuse", ...options },
    createAllocator({ loadBalancerClass: "" }),
    {
      async writeStatus(write) {
        writes.push(`${objectKey(write.service)}: ${write.addresses.join()} from ${write.pool ?? "none"}`);
        inFlight.now += 1;
        inFlight.most = Math.max(inFlight.most, inFlight.now);
        await Promise.resolve();
        const answer = await (answers.shift() ?? store(write));
        inFlight.now -= 1;
        return answer;
      },
      recordEvent: (view, { reason, message }) => void events.push(`${objectKey(view)} ${reason}: ${message}`),
      log: { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") },
      metrics: {
        updateHandled: () => void (updates.handled += 1),
        updateFailed: () => void (updates.failed += 1),
        configState: (state) => void (config = state),
      },
      ...ports,
      clock,
      random: () => 1,
    },
  );
  const put = (view: ServiceView): void => {
    stored.set(objectKey(view), view);
    controller.serviceChanged(view);
  };
  return {
    controller,
    clock,
    stored,
    writes,
    events,
    log,
    config: () => config,
    updates,
    answers,
    inFlight,
    put,
    remove(name) {
      stored.delete(`default/${name}`);
      controller.serviceDeleted(`default/${name}`);
    },
    async begin(services, documents, namespaces = []) {
      for (const view of services) put(view);
      controller.servicesListed();
      controller.namespacesChanged(namespaces);
      controller.nodesChanged([]);
      controller.configChanged(documents);
      await clock.advance(0);
    },
    async useConfig(documents) {
      controller.configChanged(documents);
      await clock.advance(0);
    },
    addresses: () =>
      Object.fromEntries(
        [...stored.values()].flatMap(({ name, ingress }) =>
          ingress.length === 0 ? [] : [[name, ingress.map(({ ip }) => ip).join()]],
        ),
      ),
  };
}
