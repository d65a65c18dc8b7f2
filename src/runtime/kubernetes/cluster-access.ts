import { existsSync, readFileSync } from "node:fs";
import type { Agent } from "node:http";
import type { RequestOptions } from "node:https";
import { homedir } from "node:os";
import { delimiter, dirname, isAbsolute, join, resolve } from "node:path";
// The file, not the package: its index would load the generated classes of every kind, which cost 0.5 s and 70 MB.
import { KubeConfig } from "@kubernetes/client-node/dist/config.js";
import { load } from "js-yaml";
import type { Result } from "../net/result.js";
import { refuse, succeed } from "../net/result.js";
import { isRecord } from "./watch-line.js";

/** Which cluster, and what we show there to be let in. */
export type ClusterAccess = Readonly<{
  /** Without a path at the end of the host unless the kubeconfig has one. */
  server: URL;
  /** Where it was found, for messages: `kubeconfig admin.conf`, `the ServiceAccount of this Pod`. */
  description: string;
  /** Namespace of the context or of the Pod. */
  namespace: string | undefined;
  /**
   * Headers and TLS options for requests from now on. Reads rotating token files and runs plugins where it must.
   * `renew`: the last ones were refused, so everything is read anew from its source.
   */
  credentials(renew: boolean): Promise<Result<Credentials, string>>;
}>;

export type Credentials = Readonly<{
  headers: Readonly<Record<string, string>>;
  tls: Readonly<Record<string, unknown>>;
  /** Where parts of them were read from, for messages. A token of this file must be there. */
  files?: Readonly<Partial<Record<"ca" | "cert" | "key" | "token", string>>>;
  /** Only where the kubeconfig names a proxy. */
  agent?: Agent;
}>;

const SERVICE_ACCOUNT_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token";

export type AccessOptions = Readonly<{
  /** File of `--kubeconfig`. */
  kubeconfig?: string;
  environment: Readonly<Record<string, string | undefined>>;
}>;

/**
 * Finds the cluster: the file asked for, else those of KUBECONFIG, else the ServiceAccount of the Pod, else
 * `~/.kube/config`.
 * @returns the access, or one sentence with a remedy. Credentials are not tried, only read.
 */
export function loadClusterAccess(options: AccessOptions): Result<ClusterAccess, string> {
  const source = findSource(options);
  if (!source.ok) return source;
  const first = read(source.value);
  if (!first.ok) return first;
  const cluster = first.value.getCurrentCluster();
  if (cluster === null || !/^https?:/.test(cluster.server) || !URL.canParse(cluster.server)) {
    return refuse(
      `Cannot use ${source.value.description}: the server of its current context is ${JSON.stringify(cluster?.server ?? null)}, ` +
        `which is no URL of a cluster: write https://HOST:PORT`,
    );
  }
  let config = first.value;
  return succeed({
    server: new URL(cluster.server),
    description: source.value.description,
    namespace: config.getContextObject(config.getCurrentContext())?.namespace?.trim(),
    async credentials(renew) {
      if (renew) {
        const again = read(source.value);
        if (!again.ok) return again;
        config = again.value;
      }
      return readCredentials(config, source.value.description);
    },
  });
}

type Source = Readonly<{ description: string; files: readonly string[] }>; // no files: in the cluster

function findSource({ kubeconfig, environment }: AccessOptions): Result<Source, string> {
  if (kubeconfig !== undefined && kubeconfig !== "") {
    return succeed({ description: `kubeconfig ${kubeconfig}`, files: [kubeconfig] });
  }
  const listed = (environment["KUBECONFIG"] ?? "").split(delimiter).filter((file) => file !== "");
  if (listed.length > 0) {
    const present = listed.filter((file) => existsSync(file));
    return succeed({
      description: `kubeconfig ${listed.join(delimiter)} (KUBECONFIG)`,
      files: present.length === 0 ? listed : present, // kubectl, too, passes over those that are not there
    });
  }
  if (existsSync(SERVICE_ACCOUNT_TOKEN) && (environment["KUBERNETES_SERVICE_HOST"] ?? "") !== "") {
    return succeed({ description: "the ServiceAccount of this Pod", files: [] });
  }
  const home = join(environment["HOME"] ?? homedir(), ".kube", "config");
  if (existsSync(home)) return succeed({ description: `kubeconfig ${home}`, files: [home] });
  return refuse(
    "Cannot find a cluster: there is no --kubeconfig, no KUBECONFIG, no ServiceAccount of a Pod and no ~/.kube/config: " +
      "name a kubeconfig with --kubeconfig FILE",
  );
}

function read({ description, files }: Source): Result<KubeConfig, string> {
  const config = new KubeConfig();
  try {
    if (files.length === 0) {
      config.loadFromCluster();
      return succeed(config);
    }
    for (const file of files) mergeFile(config, file);
  } catch (error) {
    const problem = (error as Error).message.split("\n", 1)[0] ?? "";
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    const remedy = missing
      ? "name one that is there with --kubeconfig FILE"
      : "mend it or name another with --kubeconfig";
    return refuse(`Cannot read ${description}: ${problem}: ${remedy}`);
  }
  const context = config.getContextObject(config.getCurrentContext());
  if (context === null) {
    const named = JSON.stringify(config.getCurrentContext() ?? null);
    return refuse(
      `Cannot use ${description}: current-context is ${named}, and no context has that name: set it with kubectl config use-context`,
    );
  }
  // Without a user the library would leave out the certificate authority too.
  if (config.getCurrentUser() === null) config.addUser({ name: context.user });
  return succeed(config);
}

/** Adds one file; what an earlier file named first stays. */
function mergeFile(config: KubeConfig, file: string): void {
  const content: unknown = load(readFileSync(file, "utf8"));
  if (!isRecord(content)) throw new Error(`${file} is no mapping of clusters, users and contexts`);
  const folder = dirname(resolve(file));
  for (const entry of Array.isArray(content["users"]) ? content["users"] : []) completeUser(entry, folder);
  const added = new KubeConfig();
  added.loadFromString(JSON.stringify(content));
  added.makePathsAbsolute(folder);
  added.clusters = added.clusters.filter(({ name }) => config.getCluster(name) === null);
  added.users = added.users.filter(({ name }) => config.getUser(name) === null);
  added.contexts = added.contexts.filter(({ name }) => config.getContextObject(name) === null);
  config.mergeConfig(added, (config.getCurrentContext() ?? "") !== "");
}

/** What kubectl knows of a user and the library does not: tokenFile, relative plugins, and the plugin's variable. */
function completeUser(entry: unknown, folder: string): void {
  const user = isRecord(entry) ? entry["user"] : undefined;
  if (!isRecord(user)) return;
  const { tokenFile, exec } = user;
  if (typeof tokenFile === "string" && tokenFile !== "") {
    const file = isAbsolute(tokenFile) ? tokenFile : join(folder, tokenFile);
    user["auth-provider"] = { name: "tokenFile", config: { tokenFile: file } };
    delete user["token"]; // the file takes precedence
  }
  if (!isRecord(exec)) return;
  const { command, apiVersion, env } = exec;
  if (typeof command === "string" && command.includes("/") && !isAbsolute(command)) {
    exec["command"] = join(folder, command);
  }
  const info = { apiVersion, kind: "ExecCredential", spec: { interactive: false } };
  exec["env"] = [...(Array.isArray(env) ? env : []), { name: "KUBERNETES_EXEC_INFO", value: JSON.stringify(info) }];
}

async function readCredentials(config: KubeConfig, description: string): Promise<Result<Credentials, string>> {
  const options: RequestOptions = { headers: {} };
  const cluster = config.getCurrentCluster();
  if (cluster?.server.startsWith("http:") === true) return plainCredentials(config, description);
  try {
    await config.applyToHTTPSOptions(options);
  } catch (error) {
    return refuse(
      `Cannot read the credentials of ${description}: ${(error as Error).message.trim()}: check its files and plugins`,
    );
  }
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    headers[name.toLowerCase()] = String(value).trim(); // a token file may end with a newline
  }
  if (typeof options.auth === "string")
    headers["authorization"] = `Basic ${Buffer.from(options.auth).toString("base64")}`;
  const tls: Record<string, unknown> = {};
  for (const name of ["ca", "cert", "key", "pfx", "passphrase", "servername", "rejectUnauthorized"] as const) {
    if (options[name] !== undefined) tls[name] = options[name];
  }
  const proxy = cluster?.proxyUrl === undefined ? {} : { agent: options.agent as Agent };
  return succeed({ headers, tls, files: filesOf(config), ...proxy });
}

function filesOf(config: KubeConfig): NonNullable<Credentials["files"]> {
  const user = config.getCurrentUser();
  const provider = user?.authProvider as Readonly<{ config?: Readonly<Record<string, unknown>> }> | undefined;
  const files = {
    ca: config.getCurrentCluster()?.caFile,
    cert: user?.certFile,
    key: user?.keyFile,
    token: provider?.config?.["tokenFile"],
  };
  return Object.fromEntries(Object.entries(files).filter(([, file]) => typeof file === "string" && file !== ""));
}

/** `kubectl proxy` serves plain HTTP and wants no credentials; with some, they would be readable on the way. */
function plainCredentials(config: KubeConfig, description: string): Result<Credentials, string> {
  const user = config.getCurrentUser();
  const secret = [user?.token, user?.password, user?.certData, user?.certFile, user?.exec, user?.authProvider];
  if (secret.every((part) => part === undefined || part === null || part === ""))
    return succeed({ headers: {}, tls: {} });
  return refuse(
    `Cannot use ${description}: its server is plain HTTP and would show the user's credentials to the network: write https`,
  );
}
