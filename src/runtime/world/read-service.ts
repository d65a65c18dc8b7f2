import type { Fault } from "../net/fault.js";
import type { Result } from "../net/result.js";
import { CURRENT_PREFIX, DEPRECATED_PREFIX } from "./annotations.js";
import {
  note,
  optional,
  readEach,
  readLabels,
  readList,
  readRecord,
  readText,
  readTexts,
  readWord,
  type FieldReader,
  type UntypedRecord,
} from "./fields.js";
import { readObject } from "./object.js";
import type { ServiceView } from "./views.js";

// A cluster holds thousands of Services, and kubectl leaves a whole copy of each in an annotation.
const KEPT_ANNOTATIONS = [CURRENT_PREFIX, DEPRECATED_PREFIX];
const FAMILIES = ["IPv4", "IPv6"] as const;
const SINGLE_STACK_FIRST = ["SingleStack", "PreferDualStack", "RequireDualStack"] as const;
const DUAL_STACK_FIRST = ["RequireDualStack", "PreferDualStack", "SingleStack"] as const;
const IPV4_ONLY: readonly "IPv4"[] = Object.freeze(["IPv4"] as const); // what nearly every Service has: one for all

/**
 * A Service of any type, out of JSON.parse or a YAML reader. Of its annotations only those that begin with
 * `metallb.universe.tf/` or `metallb.io/` are kept. Keeps nothing else of the input but strings; never throws.
 */
export function readService(object: unknown): Result<ServiceView, Fault> {
  return readObject("Service", object, (reader, body, { namespace, name, uid, raw }) => {
    const spec = readRecord(reader, body["spec"], "/spec");
    const status = readRecord(reader, body["status"], "/status");
    const loadBalancer = readRecord(reader, status["loadBalancer"], "/status/loadBalancer");
    const clusterIPs = readClusterIPs(reader, spec);
    const ipFamilies = readFamilies(reader, spec);
    // Two families without a policy are what the API server completes to RequireDualStack.
    const policies = clusterIPs.length > 1 || ipFamilies.length > 1 ? DUAL_STACK_FIRST : SINGLE_STACK_FIRST;
    const loadBalancerClass = readText(reader, spec["loadBalancerClass"], "/spec/loadBalancerClass");
    return {
      namespace,
      name,
      uid,
      resourceVersion: readText(reader, raw["resourceVersion"], "/metadata/resourceVersion"),
      type: readText(reader, spec["type"], "/spec/type") || "ClusterIP",
      ...optional("loadBalancerClass", loadBalancerClass || undefined),
      loadBalancerIP: readText(reader, spec["loadBalancerIP"], "/spec/loadBalancerIP"),
      labels: readLabels(reader, raw["labels"], "/metadata/labels"),
      annotations: readLabels(reader, raw["annotations"], "/metadata/annotations", (key) =>
        KEPT_ANNOTATIONS.some((prefix) => key.startsWith(prefix)),
      ),
      ports: readEach(reader, spec["ports"], "/spec/ports", (port, path) => ({
        protocol: readWord(reader, port["protocol"], `${path}/protocol`, ["TCP", "UDP", "SCTP"]),
        port: readPort(reader, port["port"], `${path}/port`),
      })),
      selector: readLabels(reader, spec["selector"], "/spec/selector"),
      externalTrafficPolicy: readWord(reader, spec["externalTrafficPolicy"], "/spec/externalTrafficPolicy", [
        "Cluster",
        "Local",
      ]),
      clusterIPs,
      ipFamilies,
      ipFamilyPolicy: readWord(reader, spec["ipFamilyPolicy"], "/spec/ipFamilyPolicy", policies),
      ingress: readEach(reader, loadBalancer["ingress"], "/status/loadBalancer/ingress", (entry, path) => ({
        ...optional("ip", readText(reader, entry["ip"], `${path}/ip`) || undefined),
        ...optional("hostname", readText(reader, entry["hostname"], `${path}/hostname`) || undefined),
        ...optional("ipMode", readIpMode(reader, entry["ipMode"], `${path}/ipMode`)),
      })),
    };
  });
}

/** The list where it is there; the single field is all that clusters before dual stack have. */
function readClusterIPs(reader: FieldReader, spec: UntypedRecord): readonly string[] {
  const list = readTexts(reader, spec["clusterIPs"], "/spec/clusterIPs").filter((ip) => ip !== "");
  if (list.length > 0) return list;
  const single = readText(reader, spec["clusterIP"], "/spec/clusterIP");
  return single === "" ? list : [single];
}

function readFamilies(reader: FieldReader, spec: UntypedRecord): ServiceView["ipFamilies"] {
  const families = readList(reader, spec["ipFamilies"], "/spec/ipFamilies").map((family, index) =>
    readWord(reader, family, `/spec/ipFamilies/${index}`, FAMILIES),
  );
  return families.length === 1 && families[0] === "IPv4" ? IPV4_ONLY : families;
}

function readIpMode(reader: FieldReader, value: unknown, path: string): string | undefined {
  const mode = readText(reader, value, path);
  return mode === "" || mode === "VIP" ? undefined : mode;
}

function readPort(reader: FieldReader, value: unknown, path: string): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= 65535) return value;
  const remedy = "write a whole number from 1 to 65535, without quotes";
  note(reader, path, value, { problem: "is not the number of a port", remedy });
  return 0;
}

const UNSPECIFIED = { IPv4: "0.0.0.0", IPv6: "::" } as const;

/**
 * Gives a Service out of a manifest the clusterIPs that an API server would have given it, as far as their families
 * go: the addresses are the unspecified ones, 0.0.0.0 and ::. Families are those of `spec.ipFamilies`, else the first
 * of `clusterFamilies`; both, whatever the cluster has, where the policy prefers or requires dual stack, so that pools
 * alone decide what such a Service gets. A Service that has clusterIPs, or none by its type, comes back as it is.
 */
export function withDefaultClusterIPs(
  service: ServiceView,
  clusterFamilies: readonly ["IPv4" | "IPv6", ...("IPv4" | "IPv6")[]] = ["IPv4"],
): ServiceView {
  if (service.clusterIPs.length > 0 || service.type === "ExternalName") return service;
  const wanted = service.ipFamilies.length > 0 ? service.ipFamilies : clusterFamilies.slice(0, 1);
  const ipFamilies =
    service.ipFamilyPolicy === "SingleStack"
      ? wanted.slice(0, 1)
      : [...wanted, ...FAMILIES.filter((family) => !wanted.includes(family))];
  return { ...service, ipFamilies, clusterIPs: ipFamilies.map((family) => UNSPECIFIED[family]) };
}
