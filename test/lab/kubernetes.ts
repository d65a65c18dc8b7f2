/** A real control plane (etcd and kube-apiserver with RBAC on) on the control-plane host, and kube-proxy on nodes. */
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createKubeClient, type KubeClient } from "./kube-client.js";
import { createObjects, type KubeObjects } from "./kube-objects.js";
import { startKubeProxy, type KubeProxy } from "./kube-proxy.js";
import type { Lab, LanHost } from "./lab.js";
import { testbedFolder } from "./places.js";
import type { LabProcess } from "./process.js";
import { until } from "./until.js";

export type KubernetesOptions = Readonly<{
  /** On which nodes kube-proxy is started at once; none if left out. */
  kubeProxy?: readonly LanHost[];
  /** Makes a Node object for each node of the lab, unless false. */
  nodeObjects?: boolean;
  /** Where kube-apiserver looks for etcd on its host, for a relay in between; 2379, where etcd is, if left out. */
  etcdPort?: number;
  /** More flags for kube-apiserver. */
  apiServerFlags?: readonly string[];
}>;

/** A program that can be stopped and started in place: same data, same address and port. */
export type Restartable = Readonly<{
  process: () => LabProcess;
  /** SIGKILL, as when the machine loses power; returns when it is gone. */
  stop: () => Promise<void>;
  /** Returns when it is ready again. */
  start: () => Promise<void>;
}>;

/** An entry of the audit log, at level Metadata. */
export type AuditEntry = Readonly<{
  user: string;
  verb: string;
  uri: string;
  /** e.g. { resource: "services", namespace: "default", name: "web", subresource: "status" } */
  object: Readonly<{ resource?: string; namespace?: string; name?: string; subresource?: string }>;
  /** HTTP status; 0 while a request is only begun. */
  code: number;
  userAgent: string;
  receivedAt: string;
}>;

export type Kubernetes = KubeObjects &
  Readonly<{
    /** May do everything. */
    admin: KubeClient;
    /** A client with the rights of a ServiceAccount (made if it is not there), by a real token. */
    clientOf: (serviceAccount: string) => Promise<KubeClient>;
    /** A token of the TokenRequest API for "namespace/name"; the ServiceAccount is made if it is not there. */
    tokenOf: (serviceAccount: string) => Promise<string>;
    /** A kubeconfig file with a token of this ServiceAccount; `admin` for one that may do everything. Returns its path. */
    kubeconfigOf: (serviceAccount: "admin" | (string & {})) => Promise<string>;
    /** As every host of the lab reaches the API server. */
    url: string;
    etcd: Restartable;
    apiServer: Restartable;
    startKubeProxy: (node: LanHost) => Promise<KubeProxy>;
    /** What was asked of the API server until now, in order; `user` e.g. "system:serviceaccount:default:x". */
    auditLog: (user?: string) => readonly AuditEntry[];
  }>;

export const SERVICE_CIDRS = "10.96.0.0/16,fd00:10:96::/112";
const PORT = 6443;

/**
 * Starts the control plane on lab.controlPlane: about three seconds. Ends with the lab.
 * Throws when `make testbed` has not been run.
 */
export async function startKubernetes(lab: Lab, options: KubernetesOptions = {}): Promise<Kubernetes> {
  const { controlPlane } = lab;
  const programs = testbedFolder("kubernetes");
  const folder = join(lab.folder, "kubernetes");
  mkdirSync(folder);
  const tokens = { admin: randomUUID(), kubeProxy: randomUUID() };
  writePki(folder, tokens);
  const auditFile = join(folder, "audit.log");
  const flags = [
    ...apiServerFlags(folder, controlPlane.ipv4, auditFile, options.etcdPort),
    ...(options.apiServerFlags ?? []),
  ];

  const etcd = createRestartable(
    () =>
      controlPlane.spawn([join(testbedFolder("etcd"), "etcd"), ...etcdFlags(folder)], {
        name: "etcd",
        logFile: join(folder, "etcd.log"),
      }),
    async () => {
      (await controlPlane.sockets.connect({ host: "127.0.0.1", port: 2379 })).destroy();
      return true;
    },
    join(folder, "etcd.log"),
  );
  const [certificate, key] = [join(folder, "pki/apiserver.crt"), join(folder, "pki/apiserver.key")];
  const clientWith = (token: string): KubeClient =>
    createKubeClient(controlPlane.sockets, {
      host: controlPlane.ipv4,
      port: PORT,
      ca: readFileSync(certificate, "utf8"),
      token,
    });
  let admin: KubeClient | undefined;
  const apiServer = createRestartable(
    () =>
      controlPlane.spawn([join(programs, "kube-apiserver"), ...flags], {
        name: "kube-apiserver",
        logFile: join(folder, "kube-apiserver.log"),
      }),
    async () => {
      if (!existsSync(key)) return false; // it makes both itself, once, and the key when the certificate is whole
      admin ??= clientWith(tokens.admin);
      return (await admin.request("GET", "/readyz")) === "ok";
    },
    join(folder, "kube-apiserver.log"),
  );
  await etcd.start();
  await apiServer.start();

  const url = `https://${controlPlane.ipv4}:${PORT}`;
  const ready = admin ?? clientWith(tokens.admin);
  const kubeconfig = (name: string, token: string): string => {
    const file = join(folder, `${name.replaceAll("/", "_")}.kubeconfig`);
    writeFileSync(file, kubeconfigText(url, readFileSync(certificate), token), { mode: 0o644 });
    return file;
  };
  const tokenOf = async (serviceAccount: string): Promise<string> => {
    const [namespace = "", name = ""] = serviceAccount.split("/");
    await objects.ensureNamespace(namespace);
    const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace } };
    if ((await ready.find("v1/ServiceAccount", serviceAccount)) === undefined) await ready.create(account);
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
    const made = await ready.request("POST", path, {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: { expirationSeconds: 24 * 3600 },
    });
    return (made as { status: { token: string } }).status.token;
  };
  const objects = createObjects(ready);
  const kubernetes: Kubernetes = {
    ...objects,
    admin: ready,
    clientOf: async (serviceAccount) => clientWith(await tokenOf(serviceAccount)),
    tokenOf,
    kubeconfigOf: async (serviceAccount) =>
      kubeconfig(serviceAccount, serviceAccount === "admin" ? tokens.admin : await tokenOf(serviceAccount)),
    url,
    etcd,
    apiServer,
    startKubeProxy: (node) => startKubeProxy(programs, folder, node, kubeconfig("kube-proxy", tokens.kubeProxy)),
    auditLog: (user) => readAuditLog(auditFile).filter((entry) => user === undefined || entry.user === user),
  };
  if (options.nodeObjects !== false) await Promise.all(lab.nodes.map((node) => objects.createNode(node)));
  await Promise.all((options.kubeProxy ?? []).map((node) => kubernetes.startKubeProxy(node)));
  return kubernetes;
}

function createRestartable(spawn: () => LabProcess, isReady: () => Promise<boolean>, logFile: string): Restartable {
  let current: LabProcess | undefined;
  return {
    process: () => {
      if (current === undefined) throw new Error("Cannot use the process: it was never started");
      return current;
    },
    stop: async () => void (await current?.kill()),
    start: async () => {
      const started = spawn();
      current = started;
      await until(async () => !started.running() || (await isReady()), {
        what: `${started.name} to be ready; its output is in ${logFile}`,
        deadlineMs: 60_000,
        everyMs: 20,
      });
      if (started.running()) return;
      const log = readFileSync(logFile, "utf8").slice(-4000);
      throw new Error(`Cannot start ${started.name}: it ended at once; its output ends with:\n${log}`);
    },
  };
}

function writePki(folder: string, tokens: Readonly<{ admin: string; kubeProxy: string }>): void {
  const pki = join(folder, "pki");
  mkdirSync(pki);
  const { publicKey, privateKey } = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "sec1", format: "pem" },
  });
  writeFileSync(join(pki, "sa.pub"), publicKey);
  writeFileSync(join(pki, "sa.key"), privateKey, { mode: 0o600 });
  const lines = [
    `${tokens.admin},admin,admin,"system:masters"`,
    `${tokens.kubeProxy},system:kube-proxy,system:kube-proxy,`,
  ];
  writeFileSync(join(pki, "tokens.csv"), lines.map((line) => `${line}\n`).join(""), { mode: 0o600 });
  writeFileSync(
    join(folder, "audit-policy.yaml"),
    `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: None # the lab's own looking around
    nonResourceURLs: ["/readyz*", "/livez*", "/healthz*"]
  - level: Metadata
`,
  );
}

const asFlags = (flags: Readonly<Record<string, string>>): readonly string[] =>
  Object.entries(flags).map(([name, value]) => `--${name}=${value}`);

const etcdFlags = (folder: string): readonly string[] =>
  asFlags({
    "data-dir": join(folder, "etcd"),
    "unsafe-no-fsync": "true", // a killed process loses nothing by it, only a killed machine would
    "listen-client-urls": "http://127.0.0.1:2379",
    "advertise-client-urls": "http://127.0.0.1:2379",
    "listen-peer-urls": "http://127.0.0.1:2380",
    "log-level": "warn",
  });

function apiServerFlags(folder: string, address: string, auditFile: string, etcdPort = 2379): readonly string[] {
  const pki = join(folder, "pki");
  return asFlags({
    "etcd-servers": `http://127.0.0.1:${etcdPort}`,
    "secure-port": `${PORT}`,
    "bind-address": "0.0.0.0",
    "advertise-address": address,
    "cert-dir": pki,
    "service-cluster-ip-range": SERVICE_CIDRS,
    "service-account-issuer": "https://kubernetes.default.svc",
    "service-account-key-file": join(pki, "sa.pub"),
    "service-account-signing-key-file": join(pki, "sa.key"),
    "token-auth-file": join(pki, "tokens.csv"),
    "authorization-mode": "RBAC",
    "allow-privileged": "true",
    "disable-admission-plugins": "ServiceAccount", // no controller makes the default accounts here
    "audit-policy-file": join(folder, "audit-policy.yaml"),
    "audit-log-path": auditFile,
  });
}

const kubeconfigText = (server: string, ca: Buffer, token: string): string => `apiVersion: v1
kind: Config
clusters:
  - name: lab
    cluster:
      server: ${server}
      certificate-authority-data: ${ca.toString("base64")}
users:
  - name: lab
    user:
      token: ${token}
contexts:
  - name: lab
    context:
      cluster: lab
      user: lab
current-context: lab
`;

function readAuditLog(file: string): readonly AuditEntry[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n");
  // What comes after the last line feed is an entry that is being written, or nothing.
  return lines.slice(0, -1).map((line) => {
    const entry = JSON.parse(line) as RawAuditEntry;
    return {
      user: entry.user.username,
      verb: entry.verb,
      uri: entry.requestURI,
      object: entry.objectRef ?? {},
      code: entry.responseStatus?.code ?? 0,
      userAgent: entry.userAgent ?? "",
      receivedAt: entry.requestReceivedTimestamp,
    };
  });
}

type RawAuditEntry = Readonly<{
  user: { username: string };
  verb: string;
  requestURI: string;
  objectRef?: AuditEntry["object"];
  responseStatus?: { code?: number };
  userAgent?: string;
  requestReceivedTimestamp: string;
}>;
