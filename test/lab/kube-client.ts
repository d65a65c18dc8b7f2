/** A plain client of the Kubernetes API for tests: JSON over HTTPS, no cache, no retries. */
import { once } from "node:events";
import { Agent, request } from "node:https";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { loadAll } from "js-yaml";
import type { Sockets } from "./sockets.js";
import { until } from "./until.js";

/** An object of the API. `kind` and `apiVersion` are filled in for items of lists, which come without. */
export type KubeObject = {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    uid?: string;
    resourceVersion?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    [field: string]: unknown;
  };
  // Tests look into spec, status and data of any kind; naming all of their shapes here would help nobody.
  // oxlint-disable-next-line typescript/no-explicit-any
  [field: string]: any;
};

/** An object to be sent: metadata.name may be missing where generateName is given. */
export type KubeManifest = Readonly<{ apiVersion: string; kind: string; metadata: object; [field: string]: unknown }>;

/** The server's refusal; `status` is the Status object that it sent, as in `{ reason: "Forbidden", message, … }`. */
export class KubeError extends Error {
  readonly code: number;
  readonly status: Readonly<{ reason?: string; message?: string; [field: string]: unknown }>;

  constructor(method: string, path: string, code: number, body: string) {
    const status = body.startsWith("{") ? (JSON.parse(body) as KubeError["status"]) : { message: body };
    super(`Cannot ${method} ${path}: HTTP ${code}: ${status.message ?? body}`);
    this.name = "KubeError";
    this.code = code;
    this.status = status;
  }
}

export type ListOptions = Readonly<{ namespace?: string; labelSelector?: string; fieldSelector?: string }>;

export type PatchOptions = Readonly<{
  /** e.g. "status". */
  subresource?: string;
  type?: "merge" | "strategic" | "json";
}>;

/**
 * `kind` is written with its version, as "v1/Service" or "apps/v1/Deployment" (custom kinds too, once their definition
 * is there); `key` is "namespace/name", or "name" for what has no namespace. Everything rejects with a KubeError when
 * the server refuses.
 */
export type KubeClient = Readonly<{
  get: (kind: string, key: string) => Promise<KubeObject>;
  /** As get, but undefined when there is none. */
  find: (kind: string, key: string) => Promise<KubeObject | undefined>;
  list: (kind: string, options?: ListOptions) => Promise<KubeObject[]>;
  create: (object: KubeManifest) => Promise<KubeObject>;
  replace: (object: KubeManifest, options?: Readonly<{ subresource?: string }>) => Promise<KubeObject>;
  patch: (kind: string, key: string, patch: object, options?: PatchOptions) => Promise<KubeObject>;
  /** At once: without the grace period that nobody would wait out here. */
  delete: (kind: string, key: string) => Promise<void>;
  /** Server-side apply of all documents of a YAML text or of objects; what has no namespace goes to `namespace`. */
  apply: (
    manifests: string | readonly KubeManifest[],
    options?: Readonly<{ namespace?: string }>,
  ) => Promise<KubeObject[]>;
  /** Any request: the parsed answer (the text where it is not JSON). */
  request: (method: string, path: string, body?: unknown, contentType?: string) => Promise<unknown>;
}>;

export type Access = Readonly<{ host: string; port: number; ca: string; token: string }>;

const PATCH_TYPE = {
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
  json: "application/json-patch+json",
} as const;

/** @param sockets of the host from which the server is asked */
export function createKubeClient(sockets: Sockets, access: Access): KubeClient {
  const { host, port, ca, token } = access;
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  async function open(): Promise<TLSSocket> {
    const socket = await sockets.connect({ host, port });
    const secure = connectTls({ socket, ca, servername: "kubernetes" });
    await once(secure, "secureConnect"); // rejects with the socket's error
    return secure;
  }
  agent.createConnection = (_options, opened) => {
    open().then(
      (socket) => opened?.(null, socket),
      (error: Error) => opened?.(error, undefined as never),
    );
    return undefined;
  };
  const resources = new Map<string, Map<string, Resource>>(); // by apiVersion. BOUNDED by the API groups that there are

  function send(method: string, path: string, body?: unknown, contentType = "application/json"): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const text = body === undefined ? "" : JSON.stringify(body);
      const headers = {
        authorization: `Bearer ${token}`,
        accept: "application/json",
        "content-type": contentType,
        "content-length": Buffer.byteLength(text), // Node says nothing of the length of a DELETE's body by itself
      };
      const sent = request({ agent, host, port, method, path, headers }, (response) => {
        let answer = "";
        response.setEncoding("utf8").on("data", (part: string) => (answer += part));
        response.on("error", reject);
        response.on("end", () => {
          const code = response.statusCode ?? 0;
          if (code >= 400) reject(new KubeError(method, path, code, answer));
          else resolve(response.headers["content-type"]?.startsWith("application/json") ? JSON.parse(answer) : answer);
        });
      });
      sent.on("error", (cause) => reject(new Error(`Cannot ${method} ${path}: ${cause.message}`, { cause })));
      sent.end(text);
    });
  }

  async function resourceOf(kind: string): Promise<Resource> {
    const [, apiVersion = "", name = ""] = /^(.+)\/([^/]+)$/.exec(kind) ?? [];
    const known = resources.get(apiVersion)?.get(name);
    if (known !== undefined) return known;
    const root = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const { resources: found } = (await send("GET", root)) as { resources: readonly Discovered[] };
    const table = new Map(
      found
        .filter((resource) => !resource.name.includes("/"))
        .map((resource) => [resource.kind, { root, plural: resource.name, namespaced: resource.namespaced }]),
    );
    resources.set(apiVersion, table);
    const resource = table.get(name);
    if (resource === undefined) throw new Error(`Cannot use kind ${kind}: the API server does not serve it`);
    return resource;
  }

  async function pathOf(kind: string, key: string, subresource?: string): Promise<string> {
    const { root, plural, namespaced } = await resourceOf(kind);
    const [namespace, name] = key.includes("/") ? key.split("/") : ["default", key];
    const scope = namespaced ? `/namespaces/${namespace}` : "";
    return `${root}${scope}/${plural}/${name}${subresource === undefined ? "" : `/${subresource}`}`;
  }

  const kindOf = (object: KubeManifest): string => `${object.apiVersion}/${object.kind}`;
  const keyOf = ({ metadata }: KubeManifest, fallback = "default"): string => {
    const { namespace = fallback, name = "" } = metadata as { namespace?: string; name?: string };
    return `${namespace}/${name}`;
  };
  const json = async (...args: Parameters<typeof send>): Promise<KubeObject> => (await send(...args)) as KubeObject;

  /** The next document may be of the kind that was just defined: it is served a moment later than its condition says. */
  async function established(kind: string, key: string): Promise<void> {
    const holds = ({ type, status }: { type: string; status: string }): boolean =>
      type === "Established" && status === "True";
    const isListed = async ({ group, names, versions }: DefinitionSpec): Promise<boolean> => {
      const served = versions.filter((version) => version.served);
      const lists = await Promise.all(
        served.map(({ name }) => send("GET", `/apis/${group}/${name}`).catch(undefinedWhereAbsent)),
      );
      return lists.every((list) =>
        (list as { resources: Discovered[] } | undefined)?.resources.some(({ name }) => name === names.plural),
      );
    };
    await until(
      async () => {
        const { spec, status } = await client.get(kind, key);
        return (status?.conditions ?? []).some(holds) && (await isListed(spec as DefinitionSpec));
      },
      { what: `${key} to be established` },
    );
  }

  const client: KubeClient = {
    get: async (kind, key) => json("GET", await pathOf(kind, key)),
    find: (kind, key) => client.get(kind, key).catch(undefinedWhereAbsent),
    list: async (kind, { namespace, ...selectors } = {}) => {
      const { root, plural } = await resourceOf(kind);
      const query = new URLSearchParams(selectors).toString();
      const scope = namespace === undefined ? "" : `/namespaces/${namespace}`;
      const list = await json("GET", `${root}${scope}/${plural}${query === "" ? "" : `?${query}`}`);
      const [, apiVersion = "", name = ""] = /^(.+)\/([^/]+)$/.exec(kind) ?? [];
      return (list["items"] as KubeObject[]).map((item) => Object.assign(item, { apiVersion, kind: name }));
    },
    create: async (object) => {
      const path = await pathOf(kindOf(object), keyOf(object));
      return json("POST", path.slice(0, path.lastIndexOf("/")), object);
    },
    replace: async (object, { subresource } = {}) =>
      json("PUT", await pathOf(kindOf(object), keyOf(object), subresource), object),
    patch: async (kind, key, patch, { subresource, type = "merge" } = {}) =>
      json("PATCH", await pathOf(kind, key, subresource), patch, PATCH_TYPE[type]),
    delete: async (kind, key) => {
      await send("DELETE", await pathOf(kind, key), { gracePeriodSeconds: 0, propagationPolicy: "Background" });
    },
    apply: async (manifests, { namespace } = {}) => {
      const applied: KubeObject[] = [];
      for (const object of typeof manifests === "string" ? readManifests(manifests) : manifests) {
        const { namespaced } = await resourceOf(kindOf(object));
        const key = keyOf(object, namespace);
        const complete = namespaced
          ? { ...object, metadata: { ...object.metadata, namespace: key.split("/")[0] } }
          : object;
        const path = await pathOf(kindOf(object), key);
        const url = `${path}?fieldManager=lab&force=true`;
        applied.push(await json("PATCH", url, complete, "application/apply-patch+yaml"));
        if (object.kind === "CustomResourceDefinition") await established(kindOf(object), key);
      }
      return applied;
    },
    request: send,
  };
  return client;
}

function undefinedWhereAbsent(error: unknown): undefined {
  if (error instanceof KubeError && error.code === 404) return undefined;
  throw error;
}

type DefinitionSpec = Readonly<{
  group: string;
  names: Readonly<{ plural: string }>;
  versions: readonly Readonly<{ name: string; served: boolean }>[];
}>;
type Resource = Readonly<{ root: string; plural: string; namespaced: boolean }>;
type Discovered = Readonly<{ name: string; kind: string; namespaced: boolean }>;

/** The objects of a YAML text of several documents; empty documents are left out and kind List is taken apart. */
export function readManifests(text: string): readonly KubeManifest[] {
  const documents = loadAll(text) as (KubeManifest | null | undefined)[];
  return documents
    .filter((document) => document !== null && document !== undefined)
    .flatMap((document) => (document.kind === "List" ? (document["items"] as KubeManifest[]) : [document]));
}
