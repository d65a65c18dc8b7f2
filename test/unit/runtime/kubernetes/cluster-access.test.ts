import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { loadClusterAccess, type Credentials } from "../../../../src/runtime/kubernetes/cluster-access.js";

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "smelter-access-"))));
afterEach(() => rmSync(folder, { recursive: true }));

const write = (name: string, content: string): string => {
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
};
const config = (user: object, cluster: object = { server: "https://192.0.2.1:6443" }, name = "c"): string =>
  JSON.stringify({
    clusters: [{ name, cluster }],
    users: [{ name: `${name}-user`, user }],
    contexts: [{ name: `${name}-context`, context: { cluster: name, user: `${name}-user`, namespace: "metallb" } }],
    "current-context": `${name}-context`,
  });
const load = (kubeconfig: string | undefined, environment: Record<string, string> = {}) =>
  loadClusterAccess({
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    environment: { HOME: folder, ...environment },
  });

async function credentialsOf(kubeconfig: string, renew = false): Promise<Credentials> {
  const access = load(kubeconfig);
  if (!access.ok) throw new Error(access.fault);
  const credentials = await access.value.credentials(renew);
  if (!credentials.ok) throw new Error(credentials.fault);
  return credentials.value;
}

it("reads server, namespace and token of the current context", async () => {
  const file = write("config", config({ token: "secret" }, { server: "https://192.0.2.1:6443/" }));
  const access = load(file);
  expect(access).toMatchObject({
    ok: true,
    value: { namespace: "metallb", description: `kubeconfig ${file}`, server: new URL("https://192.0.2.1:6443") },
  });
  expect((await credentialsOf(file)).headers).toEqual({ authorization: "Bearer secret" });
});

it.each([
  { name: "is not there", content: undefined, problem: /^Cannot read kubeconfig .*ENOENT.*: name one that is there/ },
  { name: "is no YAML", content: "clusters: [", problem: /^Cannot read kubeconfig [^\n]+: mend it or name another/ },
  { name: "is empty", content: "", problem: /the input is empty: mend it/ },
  { name: "is a list", content: "- a\n", problem: /is no mapping of clusters/ },
  { name: "has a cluster without a server", content: config({}, { x: 1 }), problem: /server is missing: mend it/ },
  {
    name: "names no context",
    content: JSON.stringify({ clusters: [], users: [], contexts: [] }),
    problem: /current-context is null, and no context has that name: set it/,
  },
  {
    name: "names a context that is not there",
    content: JSON.stringify({ contexts: [], "current-context": "gone" }),
    problem: /current-context is "gone"/,
  },
  {
    name: "has a server that is no URL",
    content: config({}, { server: "192.0.2.1" }),
    problem: /is no URL of a cluster/,
  },
  { name: "has a server of another kind", content: config({}, { server: "ftp://x" }), problem: /write https:\/\/HOST/ },
])("says in one sentence that a kubeconfig $name", ({ content, problem }) => {
  const file = content === undefined ? join(folder, "none") : write("config", content);
  expect(load(file)).toEqual({ ok: false, fault: expect.stringMatching(problem) as string });
});

it("says where it looked when there is no cluster to be found", () => {
  expect(load(undefined)).toEqual({
    ok: false,
    fault: expect.stringContaining("no --kubeconfig, no KUBECONFIG") as string,
  });
});

it("takes KUBECONFIG before ~/.kube/config, joins its files and passes over those that are missing", async () => {
  const first = write("first", config({ token: "one" }, { server: "https://192.0.2.1" }, "a"));
  const second = write("second", config({ token: "two" }, { server: "https://192.0.2.2" }, "b"));
  const list = [join(folder, "missing"), first, second].join(":");
  expect(load(undefined, { KUBECONFIG: list })).toMatchObject({
    ok: true,
    value: { server: new URL("https://192.0.2.1") },
  });
  const twice = [second, second, first].join(":");
  expect(load(undefined, { KUBECONFIG: twice })).toMatchObject({
    ok: true,
    value: { server: new URL("https://192.0.2.2") },
  });
});

it("reads a token file again when it was refused, relative to the kubeconfig", async () => {
  write("token", "old\n");
  const access = load(write("config", config({ tokenFile: "token" })));
  if (!access.ok) throw new Error(access.fault);
  const headers = async (renew: boolean): Promise<unknown> => {
    const credentials = await access.value.credentials(renew);
    return credentials.ok ? credentials.value.headers : credentials.fault;
  };
  expect(await headers(false)).toEqual({ authorization: "Bearer old" });
  write("token", "new\n");
  expect(await headers(true)).toEqual({ authorization: "Bearer new" });
  rmSync(join(folder, "token"));
  expect(await headers(true)).toMatch(
    /^Cannot read the credentials of kubeconfig .*ENOENT.*: check its files and plugins$/,
  );
});

it("runs a plugin of the kubeconfig's folder, and tells it what it is asked for", async () => {
  const script = `#!/bin/sh\necho '{"status":{"token":"'"$(echo "$KUBERNETES_EXEC_INFO" | grep -o ExecCredential)"'"}}'\n`;
  chmodSync(write("plugin.sh", script), 0o755);
  const exec = { command: "./plugin.sh", apiVersion: "client.authentication.k8s.io/v1" };
  expect((await credentialsOf(write("config", config({ exec })))).headers).toEqual({
    authorization: "Bearer ExecCredential",
  });
});

it("says what a plugin says that fails", async () => {
  chmodSync(write("plugin.sh", "#!/bin/sh\necho log in first >&2\nexit 1\n"), 0o755);
  await expect(credentialsOf(write("config", config({ exec: { command: "./plugin.sh" } })))).rejects.toThrow(
    /^Cannot read the credentials of .*: log in first: check/,
  );
});

it("reads certificates, from data or from files beside the kubeconfig, and the name to expect", async () => {
  write("ca.crt", "the authority");
  const data = (text: string): string => Buffer.from(text).toString("base64");
  const user = { "client-certificate-data": data("the certificate"), "client-key-data": data("the key") };
  const cluster = { server: "https://192.0.2.1", "certificate-authority": "ca.crt", "tls-server-name": "kubernetes" };
  const { tls, headers } = await credentialsOf(write("config", config(user, cluster)));
  expect(headers).toEqual({});
  expect(Object.fromEntries(Object.entries(tls).map(([name, value]) => [name, String(value)]))).toEqual({
    ca: "the authority",
    cert: "the certificate",
    key: "the key",
    servername: "kubernetes",
  });
});

it("keeps the certificate authority of a context without a user", async () => {
  write("ca.crt", "the authority");
  const content = JSON.parse(config({}, { server: "https://192.0.2.1", "certificate-authority": "ca.crt" })) as object;
  const { tls } = await credentialsOf(write("config", JSON.stringify({ ...content, users: [] })));
  expect(String(tls["ca"])).toBe("the authority");
});

it("speaks plain HTTP without credentials, and never with", async () => {
  const plain = { server: "http://127.0.0.1:8001" };
  expect(await credentialsOf(write("config", config({}, plain)))).toEqual({ headers: {}, tls: {} });
  await expect(credentialsOf(write("config", config({ token: "secret" }, plain)))).rejects.toThrow(
    /plain HTTP and would show the user's credentials to the network: write https/,
  );
});

it("says from which files the parts come, for messages", async () => {
  for (const name of ["ca.crt", "tls.crt", "tls.key", "token"]) write(name, "x");
  const user = { "client-certificate": "tls.crt", "client-key": "tls.key", tokenFile: "token" };
  const cluster = { server: "https://192.0.2.1", "certificate-authority": "ca.crt" };
  const { files } = await credentialsOf(write("config", config(user, cluster)));
  const at = (name: string): string => join(folder, name);
  expect(files).toEqual({ ca: at("ca.crt"), cert: at("tls.crt"), key: at("tls.key"), token: at("token") });
});
