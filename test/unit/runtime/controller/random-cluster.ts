import type { KubernetesDocument } from "../../../../src/config/documents.js";
import { createAllocator } from "../../../../src/runtime/allocator/create-allocator.js";
import type { Controller } from "../../../../src/runtime/controller/controller.js";
import { createController } from "../../../../src/runtime/controller/create-controller.js";
import type { StatusOutcome, StatusWrite } from "../../../../src/runtime/controller/ports.js";
import { SOURCE_POOL_ANNOTATION } from "../../../../src/runtime/controller/ports.js";
import { objectKey, type ObjectKey, type ServiceView } from "../../../../src/runtime/world/views.js";
import { createManualClock } from "./fixtures.js";

/*
 * A cluster in which everything comes late: an API server that holds back the answers to writes and the events of its
 * watch until it is told to let them go, in any order for the answers, and a controller that can be killed and started
 * anew at any time, while writes of the killed one are still on their way.
 */

/** What becomes of a write. `lost`: it is stored, and the answer says that the server cannot be reached. */
export type Fate = "stored" | "lost" | "refused" | "unavailable";
type Flight = Readonly<{ write: StatusWrite; answer: (outcome: StatusOutcome) => void }>;
type WatchEvent = Readonly<{ key: ObjectKey; view: ServiceView | undefined }>;
export type LogLine = Readonly<{ service?: string; before?: readonly string[]; reason?: string; message: string }>;

/** What the controller is told apart from Services. */
export type Surroundings = Readonly<{
  documents: readonly KubernetesDocument[];
  nodeAddresses: readonly string[];
  answered: readonly string[];
}>;

export type RandomCluster = Readonly<{
  /** What the server has. */
  stored: ReadonlyMap<ObjectKey, ServiceView>;
  /** What the controller has been told of it, its own writes included. */
  seen: ReadonlyMap<ObjectKey, ServiceView>;
  log: LogLine[];
  events: string[];
  writes: string[];
  /** Documents in force, as far as the log of the controller says. */
  inForce(): readonly KubernetesDocument[];
  /** Somebody's edit; the watch brings it. */
  put(view: ServiceView): void;
  remove(key: ObjectKey): void;
  /** Lets that many events of the watch through. */
  deliver(count: number): Promise<void>;
  /** Decides the fate of one of the writes on their way. */
  answer(index: number, fate: Fate): Promise<void>;
  surround(next: Partial<Surroundings>): Promise<void>;
  /** Kills the controller and starts another one; writes of the first stay on their way. */
  restart(): Promise<void>;
  /** Lets everything through until nothing moves any more. */
  settle(): Promise<void>;
}>;

/** @param issued called with each write before it goes on its way */
export function createRandomCluster(
  poolChange: "refuse" | "reassign",
  first: Surroundings,
  issued: (write: StatusWrite) => void,
): RandomCluster {
  const clock = createManualClock();
  const stored = new Map<ObjectKey, ServiceView>();
  const seen = new Map<ObjectKey, ServiceView>();
  const flights: Flight[] = [];
  const watch: WatchEvent[] = [];
  const log: LogLine[] = [];
  const events: string[] = [];
  const writes: string[] = [];
  let surroundings = first;
  let inForce: readonly KubernetesDocument[] = [];
  let version = 0;
  let life = 0;
  let controller = start();

  function start(): Controller {
    life += 1;
    const ownLife = life;
    const line = (fields: object, message: string): void => {
      if (ownLife !== life) return;
      if ("event" in fields && fields.event === "configLoaded" && "pools" in fields) inForce = surroundings.documents;
      log.push({ ...fields, message });
    };
    const next = createController(
      { namespace: "metallb-system", configMapName: "config", poolChange, writesInFlight: 3 },
      createAllocator({ loadBalancerClass: "" }),
      {
        writeStatus: (write) => {
          issued(write);
          writes.push(`${objectKey(write.service)}: ${write.addresses.join()} from ${write.pool ?? "none"}`);
          return new Promise((answer) => void flights.push({ write, answer }));
        },
        recordEvent: (view, { reason, message }) => void events.push(`${objectKey(view)} ${reason}: ${message}`),
        log: { debug: () => undefined, info: line, warn: line, error: line },
        metrics: { updateHandled: () => undefined, updateFailed: () => undefined, configState: () => undefined },
        clock,
        random: () => 0.5,
      },
    );
    seen.clear();
    for (const [key, view] of [...stored].toReversed()) {
      seen.set(key, view);
      next.serviceChanged(view);
    }
    next.servicesListed();
    next.namespacesChanged([]);
    tell(next);
    next.configChanged(surroundings.documents);
    return next;
  }

  function tell(to: Controller): void {
    to.nodesChanged([{ name: "n1", internalIPs: surroundings.nodeAddresses }]);
    to.answeredElsewhere(surroundings.answered.map((address) => ({ address, machine: "02:00:00:00:00:07" })));
  }

  function store(view: ServiceView): ServiceView {
    version += 1;
    const next = { ...view, resourceVersion: `${version}` };
    stored.set(objectKey(view), next);
    watch.push({ key: objectKey(view), view: next });
    return next;
  }

  /** As an API server does it: nothing is stored over what the writer has not seen. */
  function land({ service, addresses, pool }: StatusWrite): StatusOutcome {
    const current = stored.get(objectKey(service));
    if (current === undefined) return { outcome: "gone" };
    if (current.resourceVersion !== service.resourceVersion) return { outcome: "conflict" };
    const { [SOURCE_POOL_ANNOTATION]: _, ...others } = current.annotations;
    const annotations = pool === undefined ? others : { ...others, [SOURCE_POOL_ANNOTATION]: pool };
    const { resourceVersion } = store({ ...current, annotations, ingress: addresses.map((ip) => ({ ip })) });
    return { outcome: "written", resourceVersion };
  }

  function decideFate({ write, answer }: Flight, fate: Fate): void {
    if (fate === "refused") return answer({ outcome: "refused", message: "no" });
    const outcome = fate === "unavailable" ? undefined : land(write);
    if (fate !== "stored" || outcome === undefined) return answer({ outcome: "unavailable", message: "no answer" });
    const left = stored.get(objectKey(write.service));
    if (outcome.outcome === "written" && left !== undefined) seen.set(objectKey(left), left);
    answer(outcome);
  }

  function deliverOne(): void {
    const event = watch.shift();
    if (event === undefined) return;
    if (event.view === undefined) {
      seen.delete(event.key);
      controller.serviceDeleted(event.key);
    } else {
      seen.set(event.key, event.view);
      controller.serviceChanged(event.view);
    }
  }

  return {
    stored,
    seen,
    log,
    events,
    writes,
    inForce: () => inForce,
    put: (view) => void store(view),
    remove(key) {
      if (stored.delete(key)) watch.push({ key, view: undefined });
    },
    async deliver(count) {
      for (let index = 0; index < count; index += 1) deliverOne();
      await clock.advance(0);
    },
    async answer(index, fate) {
      const [flight] = flights.splice(index % Math.max(flights.length, 1), 1);
      if (flight !== undefined) decideFate(flight, fate);
      await clock.advance(0);
    },
    async surround(next) {
      surroundings = { ...surroundings, ...next };
      tell(controller);
      controller.configChanged(surroundings.documents);
      await clock.advance(0);
    },
    async restart() {
      void controller.stop();
      watch.length = 0; // the next one lists
      controller = start();
      await clock.advance(0);
    },
    async settle() {
      for (;;) {
        while (watch.length > 0) deliverOne();
        for (const flight of flights.splice(0)) decideFate(flight, "stored");
        await clock.advance(0);
        if (watch.length > 0 || flights.length > 0) continue;
        if (clock.waiting().length === 0) return;
        await clock.advance(600_000); // what backs off
      }
    },
  };
}
