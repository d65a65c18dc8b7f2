import { describeObject, documentFault, type KubernetesDocument } from "../config/documents.js";
import { isWorkload } from "../config/workload.js";
import { readDocuments } from "../config/read-documents.js";
import type { ManifestText } from "./files/manifests.js";
import type { StoredDecision } from "./files/state-folder.js";
import { describeFault, type Fault } from "./net/fault.js";
import type { Logger } from "./net/logger.js";
import { refuse, type Result } from "./net/result.js";
import { readEndpointSlice, readNamespace, readNode, readService, withDefaultClusterIPs } from "./world/read.js";
import {
  objectKey,
  type EndpointSliceView,
  type NamespaceView,
  type NodeView,
  type ObjectKey,
  type ServiceView,
} from "./world/views.js";

/** A cluster as a set of manifests tells it. */
export type ManifestWorld = Readonly<{
  services: ReadonlyMap<ObjectKey, ServiceView>;
  endpointSlices: ReadonlyMap<ObjectKey, EndpointSliceView>;
  nodes: ReadonlyMap<string, NodeView>;
  namespaces: ReadonlyMap<string, NamespaceView>;
  /** What configuration is read from, and found by: ConfigMaps, Secrets, metallb.io resources, controllers, speakers. */
  configDocuments: readonly KubernetesDocument[];
  /** Objects that cannot be read; they are not in the world. */
  faults: readonly Fault[];
}>;

/** Reads every object that matters here; kinds that do not are passed over. Pure: texts in, world out. */
export function readWorld(texts: readonly ManifestText[]): ManifestWorld {
  const services = new Map<ObjectKey, ServiceView>();
  const endpointSlices = new Map<ObjectKey, EndpointSliceView>();
  const nodes = new Map<string, NodeView>();
  const namespaces = new Map<string, NamespaceView>();
  const configDocuments: KubernetesDocument[] = [];
  const faults: Fault[] = [];

  function keep<View>(document: KubernetesDocument, reading: Result<View, Fault>, put: (view: View) => void): void {
    if (reading.ok) put(reading.value);
    else faults.push(documentFault(document, reading.fault));
  }

  for (const { file, text } of texts) {
    const reading = readDocuments(text, file);
    faults.push(...reading.faults);
    for (const document of reading.documents) {
      switch (`${document.apiVersion} ${document.kind}`) {
        case "v1 Service":
          keep(document, readManifestService(document), (view) =>
            // The resourceVersion of a dump stays the same when the dump is edited: it says nothing here.
            services.set(objectKey(view), withDefaultClusterIPs({ ...view, resourceVersion: "" })),
          );
          break;
        case "v1 Node":
          keep(document, readNode(document.body), (view) => nodes.set(view.name, view));
          break;
        case "v1 Namespace":
          keep(document, readNamespace(document.body), (view) => namespaces.set(view.name, view));
          break;
        case "discovery.k8s.io/v1 EndpointSlice":
          keep(document, readEndpointSlice(document.body), (view) => endpointSlices.set(objectKey(view), view));
          break;
        case "v1 ConfigMap":
        case "v1 Secret":
          configDocuments.push(document);
          break;
        default:
          if (document.apiVersion.startsWith("metallb.io/") || isWorkload(document)) configDocuments.push(document);
      }
    }
  }
  return { services, endpointSlices, nodes, namespaces, configDocuments, faults };
}

const SERVICE_TYPES = ["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"];

/** With a misspelt type, which an API server would refuse, a Service would seem to want no address. */
function readManifestService(document: KubernetesDocument): Result<ServiceView, Fault> {
  const service = readService(document.body);
  if (!service.ok || SERVICE_TYPES.includes(service.value.type)) return service;
  return refuse({
    object: describeObject(document),
    path: "/spec/type",
    value: service.value.type,
    problem: "is no type of Services",
    remedy: `write ${SERVICE_TYPES.join(", ")}`,
  });
}

/**
 * The world of a reading, or undefined where any of it cannot be read: an object in a broken file must not look as if
 * it were gone. Every fault is logged; the caller keeps the world it had.
 */
export function acceptWorld(reading: Result<readonly ManifestText[], Fault>, log: Logger): ManifestWorld | undefined {
  const world = reading.ok ? readWorld(reading.value) : undefined;
  const faults = reading.ok ? (world?.faults ?? []) : [reading.fault];
  for (const fault of faults) log.error({ event: "manifestRefused", object: fault.object }, describeFault(fault));
  if (faults.length === 0) return world;
  log.warn({ faults: faults.length }, "no manifest is taken until all can be read; what was taken before stays");
  return undefined;
}

/** The Services with the addresses that were decided for them in place of what their manifests say. */
export function withDecisions(
  services: ReadonlyMap<ObjectKey, ServiceView>,
  decisions: ReadonlyMap<ObjectKey, StoredDecision>,
): ReadonlyMap<ObjectKey, ServiceView> {
  if (decisions.size === 0) return services;
  return new Map(
    [...services].map(([key, service]) => {
      const decision = decisions.get(key);
      return [
        key,
        decision === undefined ? service : { ...service, ingress: decision.addresses.map((ip) => ({ ip })) },
      ];
    }),
  );
}

/** The namespace of the controllers and speakers, else of the configuration; where that is not one, the usual one. */
export function configNamespace(documents: readonly KubernetesDocument[], usual: string): string {
  const workloads = documents.filter(isWorkload);
  const telling = workloads.length > 0 ? workloads : documents.filter(({ kind }) => kind !== "Secret");
  const [only, ...others] = new Set(telling.map(({ namespace }) => namespace));
  return others.length === 0 && only !== undefined && only !== "" ? only : usual;
}
