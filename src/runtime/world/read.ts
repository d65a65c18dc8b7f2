import type { Fault } from "../net/fault.js";
import type { Result } from "../net/result.js";
import {
  optional,
  readEach,
  readFlag,
  readLabels,
  readRecord,
  readText,
  readTexts,
  type FieldReader,
} from "./fields.js";
import { readObject } from "./object.js";
import type { ContainerView, EndpointSliceView, NamespaceView, NodeView, PodView } from "./views.js";

export { readService, withDefaultClusterIPs } from "./read-service.js";

/*
 * Raw API objects into views. The input is what JSON.parse or a YAML reader made of the Kubernetes API's answer or of a
 * manifest written by hand; a status may be absent, and in lists the API leaves out `kind` and `apiVersion`. All
 * readers are total: they never throw, keep nothing of the input but strings, and refuse with the first fault.
 */

/** A Node. Without a status it is neither ready nor cut off, and has no addresses. */
export function readNode(object: unknown): Result<NodeView, Fault> {
  return readObject("Node", object, (reader, body, { name, raw }) => {
    const status = readRecord(reader, body["status"], "/status");
    const addresses = readEach(reader, status["addresses"], "/status/addresses", (address, path) => ({
      type: readText(reader, address["type"], `${path}/type`),
      address: readText(reader, address["address"], `${path}/address`),
    }));
    const ofType = (wanted: string): readonly string[] =>
      addresses.filter(({ type }) => type === wanted).map(({ address }) => address);
    const externalIPs = ofType("ExternalIP");
    return {
      name,
      labels: readLabels(reader, raw["labels"], "/metadata/labels"),
      annotations: readLabels(reader, raw["annotations"], "/metadata/annotations"),
      internalIPs: ofType("InternalIP"),
      ...(externalIPs.length > 0 && { externalIPs }),
      ready: conditionIsTrue(reader, status, "Ready"),
      networkUnavailable: conditionIsTrue(reader, status, "NetworkUnavailable"),
    };
  });
}

const SERVICE_NAME_LABEL = "kubernetes.io/service-name";
const HOST_NAME_TOPOLOGY = "kubernetes.io/hostname";

/**
 * An EndpointSlice of discovery.k8s.io/v1. One of v1beta1, where the node stands in the topology, reads the same.
 * `service` is "" for a slice that nobody labelled; it belongs to no Service.
 */
export function readEndpointSlice(object: unknown): Result<EndpointSliceView, Fault> {
  return readObject("EndpointSlice", object, (reader, body, { namespace, name, raw }) => {
    const labels = readLabels(reader, raw["labels"], "/metadata/labels", (key) => key === SERVICE_NAME_LABEL);
    const endpoints = readEach(reader, body["endpoints"], "/endpoints", (endpoint, path) => {
      const conditions = readRecord(reader, endpoint["conditions"], `${path}/conditions`);
      const topology = readRecord(reader, endpoint["topology"], `${path}/topology`);
      const nodeName = endpoint["nodeName"] ?? topology[HOST_NAME_TOPOLOGY];
      return {
        addresses: readTexts(reader, endpoint["addresses"], `${path}/addresses`),
        ...optional("nodeName", readText(reader, nodeName, `${path}/nodeName`) || undefined),
        ...optional("ready", readFlag(reader, conditions["ready"], `${path}/conditions/ready`)),
        ...optional("serving", readFlag(reader, conditions["serving"], `${path}/conditions/serving`)),
        ...optional("terminating", readFlag(reader, conditions["terminating"], `${path}/conditions/terminating`)),
      };
    });
    return { namespace, name, service: labels[SERVICE_NAME_LABEL] ?? "", endpoints };
  });
}

export function readNamespace(object: unknown): Result<NamespaceView, Fault> {
  return readObject("Namespace", object, (reader, _body, { name, raw }) => ({
    name,
    labels: readLabels(reader, raw["labels"], "/metadata/labels"),
  }));
}

/** A Pod. Without a status its phase is "Unknown" and it is not ready. */
export function readPod(object: unknown): Result<PodView, Fault> {
  return readObject("Pod", object, (reader, body, { namespace, name, uid, raw }) => {
    const spec = readRecord(reader, body["spec"], "/spec");
    const status = readRecord(reader, body["status"], "/status");
    const deleted = readText(reader, raw["deletionTimestamp"], "/metadata/deletionTimestamp") !== "";
    return {
      namespace,
      name,
      uid,
      labels: readLabels(reader, raw["labels"], "/metadata/labels"),
      ...optional("nodeName", readText(reader, spec["nodeName"], "/spec/nodeName") || undefined),
      ...optional("podIP", readText(reader, status["podIP"], "/status/podIP") || undefined),
      phase: readText(reader, status["phase"], "/status/phase", "Unknown"),
      ready: conditionIsTrue(reader, status, "Ready") && !deleted,
      containers: readContainers(reader, spec["containers"]),
    };
  });
}

const MAX_CONTAINERS = 16;
const MAX_ARGUMENTS = 64;
const MAX_ARGUMENT_LENGTH = 256;
/** The gossip's secret itself, which releases took as an argument: here, or in the next one. */
const SECRET_FLAG = /^--?ml-secret-key(?:=|$)/;

function readContainers(reader: FieldReader, value: unknown): readonly ContainerView[] {
  const containers = readEach(reader, value, "/spec/containers", (container, path) => {
    const variables = readEach(reader, container["env"], `${path}/env`, (variable, variablePath) =>
      readText(reader, variable["name"], `${variablePath}/name`),
    );
    const words = [
      ...readTexts(reader, container["command"], `${path}/command`),
      ...readTexts(reader, container["args"], `${path}/args`),
    ];
    return {
      name: readText(reader, container["name"], `${path}/name`),
      image: readText(reader, container["image"], `${path}/image`).slice(0, MAX_ARGUMENT_LENGTH),
      arguments: withoutSecrets(words.slice(0, MAX_ARGUMENTS)),
      environment: variables.slice(0, MAX_ARGUMENTS),
    };
  });
  return containers.slice(0, MAX_CONTAINERS);
}

function withoutSecrets(words: readonly string[]): readonly string[] {
  return words.map((word, index) => {
    const isSecret = words[index - 1]?.endsWith("-ml-secret-key") === true;
    if (isSecret) return "";
    return SECRET_FLAG.test(word) ? "--ml-secret-key" : word.slice(0, MAX_ARGUMENT_LENGTH);
  });
}

function conditionIsTrue(reader: FieldReader, status: Readonly<Record<string, unknown>>, type: string): boolean {
  const conditions = readEach(reader, status["conditions"], "/status/conditions", (condition, path) => ({
    type: readText(reader, condition["type"], `${path}/type`),
    status: readText(reader, condition["status"], `${path}/status`),
  }));
  return conditions.some((condition) => condition.type === type && condition.status === "True");
}
