import type { KubernetesDocument } from "../../../src/config/documents.js";
import { loadConfig, type LoadOptions } from "../../../src/config/load.js";
import type { LoadedConfig } from "../../../src/config/model.js";
import { documentOfObject, readDocuments } from "../../../src/config/read-documents.js";
import { describeFault } from "../../../src/runtime/net/fault.js";

export const NAMESPACE = "metallb-system";
export const OPTIONS: LoadOptions = { namespace: NAMESPACE, configMapName: "config" };

/** A ConfigMap as the API hands it out. */
export function configMap(config: string, name = "config", namespace = NAMESPACE): KubernetesDocument {
  return document({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace }, data: { config } });
}

export function resource(kind: string, name: string, spec: unknown, metadata: object = {}): KubernetesDocument {
  const apiVersion = kind === "BGPPeer" ? "metallb.io/v1beta2" : "metallb.io/v1beta1";
  return document({ apiVersion, kind, metadata: { name, namespace: NAMESPACE, ...metadata }, spec });
}

export function secret(name: string, password: string): KubernetesDocument {
  const data = { password: Buffer.from(password).toString("base64") };
  const metadata = { name, namespace: NAMESPACE };
  return document({ apiVersion: "v1", kind: "Secret", metadata, type: "kubernetes.io/basic-auth", data });
}

export function document(object: unknown): KubernetesDocument {
  const read = documentOfObject(object);
  if (!read.ok) throw new Error(describeFault(read.fault));
  return read.value;
}

export function manifests(text: string): readonly KubernetesDocument[] {
  const { documents, faults } = readDocuments(text, "test.yaml");
  if (faults.length > 0) throw new Error(faults.map(describeFault).join("\n"));
  return documents;
}

export function load(documents: readonly KubernetesDocument[], options: Partial<LoadOptions> = {}): LoadedConfig {
  const loaded = loadConfig(documents, { ...OPTIONS, ...options });
  if (!loaded.ok) throw new Error(loaded.fault.map(describeFault).join("\n"));
  return loaded.value;
}

/** `path: problem` of each fault; [] where the documents are taken. */
export function faultsOf(documents: readonly KubernetesDocument[], options: Partial<LoadOptions> = {}): string[] {
  const loaded = loadConfig(documents, { ...OPTIONS, ...options });
  return loaded.ok ? [] : loaded.fault.map(({ path, problem }) => `${path} ${problem}`);
}

/** `class path problem` of each notice. */
export function noticesOf(documents: readonly KubernetesDocument[], options: Partial<LoadOptions> = {}): string[] {
  return load(documents, options).notices.map(
    ({ class: noticeClass, path, problem }) => `${noticeClass} ${path} ${problem}`,
  );
}
