import { createHash } from "node:crypto";
import type { Fault } from "../net/fault.js";
import type { Result } from "../net/result.js";
import { refuse, succeed } from "../net/result.js";
import { objectKey, type ObjectKey } from "../world/views.js";
import { METALLB_GROUP, type Resource } from "./resource.js";
import { isRecord } from "./watch-line.js";

/** A kind of object in which speakers say what they announce, one for each Service. */
export type AnnouncementKind = Readonly<{
  kind: "ServiceL2Status" | "ServiceBGPStatus";
  plural: "servicel2statuses" | "servicebgpstatuses";
  /** Of the objects' names, as the original has it. */
  prefix: "l2-" | "bgp-";
  /** The node that answers has the only one; else each node that announces has one of its own. */
  isOfOneNode: boolean;
}>;

/** Which node answers for the addresses of a Service, and on which interfaces. */
export const LAYER2_STATUS: AnnouncementKind = {
  kind: "ServiceL2Status",
  plural: "servicel2statuses",
  prefix: "l2-",
  isOfOneNode: true,
};
/** To which peers a node sends the addresses of a Service. */
export const BGP_STATUS: AnnouncementKind = {
  kind: "ServiceBGPStatus",
  plural: "servicebgpstatuses",
  prefix: "bgp-",
  isOfOneNode: false,
};

const NODE_LABEL = "metallb.io/node";
const NAME_LABEL = "metallb.io/service-name";
const NAMESPACE_LABEL = "metallb.io/service-namespace";
const MAX_LABEL_CHARACTERS = 63; // a Node's name may have 253

/** Those of one node, where its name can be a label; else of all nodes. */
export function announcementsOf(
  node: string,
  { kind, plural }: AnnouncementKind,
  namespace: string,
): Resource & Readonly<{ namespace: string }> {
  const resource = { group: METALLB_GROUP, version: "v1beta1", plural, kind, namespace };
  return node.length > MAX_LABEL_CHARACTERS ? resource : { ...resource, labelSelector: `${NODE_LABEL}=${node}` };
}

/**
 * The name that an object of ours has. It says for which Service it is, so that two nodes that both believe to be the
 * only one meet at one object: nobody has to watch what all the others write.
 */
export function announcementName({ prefix, isOfOneNode }: AnnouncementKind, service: ObjectKey, node: string): string {
  const subject = isOfOneNode ? service : `${service}\n${node}`;
  return `${prefix}${createHash("sha256").update(subject).digest("hex").slice(0, 20)}`;
}

export function announcementLabels(service: ObjectKey, node: string): Readonly<Record<string, string>> {
  const { namespace, name } = partsOf(service);
  const labels = { [NAME_LABEL]: name, [NAMESPACE_LABEL]: namespace };
  return node.length > MAX_LABEL_CHARACTERS ? labels : { [NODE_LABEL]: node, ...labels };
}

/** @param names of interfaces ([]: all), or of peers */
export function announcementStatus(kind: AnnouncementKind, service: ObjectKey, node: string, names: readonly string[]) {
  const { namespace, name } = partsOf(service);
  const about = { node, serviceName: name, serviceNamespace: namespace };
  if (!kind.isOfOneNode) return { ...about, peers: names };
  return names.length === 0 ? about : { ...about, interfaces: names.map((each) => ({ name: each })) };
}

function partsOf(service: ObjectKey): Readonly<{ namespace: string; name: string }> {
  const [namespace = "", name = ""] = service.split("/");
  return { namespace, name };
}

/** An object as the server has it. */
export type SeenAnnouncement = Readonly<{
  name: string;
  uid: string;
  resourceVersion: string;
  /** "" where it does not say: it was made, and its status is still to come, or never came. */
  node: string;
  service: ObjectKey;
  /** Of interfaces or peers; undefined: it has no status yet. */
  names: readonly string[] | undefined;
}>;

/** Status and labels, where the status does not say it: it is written after the object was made. */
export function readAnnouncement(object: unknown): Result<SeenAnnouncement, Fault> {
  const metadata = isRecord(object) && isRecord(object["metadata"]) ? object["metadata"] : {};
  const { name, uid, resourceVersion } = metadata;
  if (typeof name !== "string" || typeof uid !== "string" || typeof resourceVersion !== "string") {
    const [problem, remedy] = ["has no name, uid or resourceVersion", "report this"];
    return refuse({ object: "an announcement's status", path: "/metadata", value: undefined, problem, remedy });
  }
  const labels = isRecord(metadata["labels"]) ? metadata["labels"] : {};
  const status = isRecord(object) && isRecord(object["status"]) ? object["status"] : undefined;
  const text = (field: string, label: string): string => {
    const value = status?.[field] ?? labels[label];
    return typeof value === "string" ? value : "";
  };
  const service = objectKey({
    namespace: text("serviceNamespace", NAMESPACE_LABEL),
    name: text("serviceName", NAME_LABEL),
  });
  const names = status?.["node"] === undefined ? undefined : namesIn(status["interfaces"] ?? status["peers"]);
  return succeed({ name, uid, resourceVersion, node: text("node", NODE_LABEL), service, names });
}

function namesIn(list: unknown): readonly string[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((each: unknown) => {
    const name = isRecord(each) ? each["name"] : each;
    return typeof name === "string" ? [name] : [];
  });
}
