import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createLab, type Lab, type LanHost, type Pod } from "./lab.js";
import { startKubernetes, type Kubernetes } from "./kubernetes.js";
import type { KubeProxy } from "./kube-proxy.js";
import { until } from "./until.js";

let lab: Lab;
let kubernetes: Kubernetes;
let nodes: LanHost[];
beforeAll(async () => {
  lab = await createLab({ nodes: 3, lanIPv4: "192.168.1.0/24", lanIPv6: "fd01::/64" });
  nodes = [...lab.nodes];
  kubernetes = await startKubernetes(lab);
});
afterAll(() => lab.close());

describe("the control plane", () => {
  it("is the real one, with a Ready Node for each node", async () => {
    expect(await kubernetes.admin.request("GET", "/version")).toMatchObject({ gitVersion: "v1.36.3", minor: "36" });
    const found = await kubernetes.admin.list("v1/Node");
    expect(
      found.map(({ metadata, status }) => [metadata.name, status.addresses[0], status.addresses[1].address]),
    ).toEqual(nodes.map(({ name, ipv4, ipv6 }) => [name, { type: "InternalIP", address: ipv4 }, ipv6]));
    expect(found[0]).toMatchObject({ kind: "Node", metadata: { labels: { "kubernetes.io/hostname": "n1" } } });
    expect(found[0]?.["spec"]["taints"]).toBeUndefined();
    await kubernetes.setNodeReady("n3", false);
    const { status } = await kubernetes.admin.get("v1/Node", "n3");
    expect(status.conditions).toMatchObject([{ type: "Ready", status: "False" }]);
    await kubernetes.setNodeReady("n3", true);
  });

  it("enforces RBAC on ServiceAccounts, and the audit log tells of it", async () => {
    const account = "metallb-system/speaker";
    const user = "system:serviceaccount:metallb-system:speaker";
    const speaker = await kubernetes.clientOf(account);
    const refused = { code: 403, status: { reason: "Forbidden" } };
    await expect(speaker.list("v1/Service")).rejects.toMatchObject(refused);
    await kubernetes.admin.apply(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: reader }
rules: [{ apiGroups: [""], resources: [services], verbs: [list] }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: reader }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: reader }
subjects: [{ kind: ServiceAccount, name: speaker, namespace: metallb-system }]
`);
    await until(() => speaker.list("v1/Service"), { what: "the binding to count" });
    await expect(speaker.get("v1/Service", "default/kubernetes")).rejects.toMatchObject(refused);
    const asked = kubernetes.auditLog(user).filter(({ object }) => object.resource === "services");
    expect(asked[0]).toMatchObject({ verb: "list", code: 403, uri: "/api/v1/services" });
    expect(asked.some(({ verb, code }) => verb === "list" && code === 200)).toBe(true);
    expect(asked.at(-1)).toMatchObject({
      verb: "get",
      code: 403,
      object: { namespace: "default", name: "kubernetes" },
    });
    expect(kubernetes.auditLog("system:serviceaccount:metallb-system:nobody")).toEqual([]);
  });

  it("is reached from a node by a kubeconfig", async () => {
    const program = `
      const { CoreV1Api, KubeConfig } = await import("@kubernetes/client-node");
      const config = new KubeConfig();
      config.loadFromFile(process.argv[1]);
      const { items } = await config.makeApiClient(CoreV1Api).listNode();
      console.log(items.map(({ metadata }) => metadata.name).join());`;
    const kubeconfig = await kubernetes.kubeconfigOf("admin");
    expect(await nodes[0]?.exec([process.execPath, "--input-type=module", "-e", program, kubeconfig])).toBe(
      "n1,n2,n3\n",
    );
  });

  it("keeps its objects when the API server and etcd are killed and started again", async () => {
    const service = await kubernetes.createService("default/kept");
    await kubernetes.apiServer.stop();
    await expect(kubernetes.admin.get("v1/Service", "default/kept")).rejects.toThrow("ECONNREFUSED");
    await kubernetes.etcd.stop();
    await kubernetes.etcd.start();
    await kubernetes.apiServer.start();
    expect(await kubernetes.admin.get("v1/Service", "default/kept")).toEqual(service);
    await kubernetes.admin.delete("v1/Service", "default/kept");
    expect(await kubernetes.admin.find("v1/Service", "default/kept")).toBeUndefined();
  });

  it("says how a program ended that does not start", async () => {
    const other = await createLab({ nodes: 1 });
    const refused = startKubernetes(other, { apiServerFlags: ["--no-such-flag"] });
    await expect(refused).rejects.toThrow(/Cannot start kube-apiserver: it ended at once.*no-such-flag/s);
    await other.close();
  });
});

describe("the client", () => {
  it("creates, replaces, patches and deletes", async () => {
    const { admin } = kubernetes;
    const metadata = { name: "config", namespace: "default" };
    const made = await admin.create({ apiVersion: "v1", kind: "ConfigMap", metadata, data: { a: "1" } });
    await expect(admin.create({ apiVersion: "v1", kind: "ConfigMap", metadata })).rejects.toMatchObject({ code: 409 });
    await admin.replace({ ...made, data: { b: "2" } });
    await expect(admin.replace({ ...made, data: {} })).rejects.toMatchObject({ status: { reason: "Conflict" } });
    expect(await admin.patch("v1/ConfigMap", "default/config", { data: { c: "3" } })).toMatchObject({
      data: { b: "2", c: "3" },
    });
    await admin.delete("v1/ConfigMap", "default/config");
    await expect(admin.get("v1/ConfigMap", "default/config")).rejects.toThrow('configmaps "config" not found');
    await expect(admin.get("v1/NoSuch", "x")).rejects.toThrow(
      "Cannot use kind v1/NoSuch: the API server does not serve",
    );
  });

  it("applies manifests of several documents, custom kinds too, and takes away what the next text leaves out", async () => {
    const definition = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: things.lab.test }
spec:
  group: lab.test
  scope: Namespaced
  names: { kind: Thing, plural: things }
  versions:
    - name: v1
      served: true
      storage: true
      schema: { openAPIV3Schema: { type: object, x-kubernetes-preserve-unknown-fields: true } }
`;
    const thing = (spec: string): string => `
---
apiVersion: lab.test/v1
kind: Thing
metadata: { name: one }
spec: ${spec}
`;
    await kubernetes.ensureNamespace("things");
    const applied = await kubernetes.admin.apply(definition + thing("{ a: 1, b: 2 }"), { namespace: "things" });
    expect(applied.map(({ kind }) => kind)).toEqual(["CustomResourceDefinition", "Thing"]);
    await kubernetes.admin.apply(thing("{ a: 1 }"), { namespace: "things" });
    expect((await kubernetes.admin.get("lab.test/v1/Thing", "things/one"))["spec"]).toEqual({ a: 1 });
    expect(await kubernetes.admin.list("lab.test/v1/Thing", { namespace: "default" })).toEqual([]);
  });

  it("makes Pods as their kubelet would", async () => {
    const labels = { app: "metallb", component: "speaker" };
    await kubernetes.createPod({ name: "speaker-1", namespace: "metallb-system", node: "n1", labels });
    const [pod] = await kubernetes.admin.list("v1/Pod", { labelSelector: "component=speaker" });
    expect(pod).toMatchObject({
      spec: { nodeName: "n1" },
      status: { phase: "Running", podIP: "192.168.1.11", hostIP: "192.168.1.11" },
    });
    const ready = async (): Promise<unknown> => {
      const { status } = await kubernetes.admin.get("v1/Pod", "metallb-system/speaker-1");
      return (status.conditions as { type: string; status: string }[]).find(({ type }) => type === "Ready")?.status;
    };
    expect(await ready()).toBe("True");
    await kubernetes.setPodReady("metallb-system/speaker-1", false);
    expect(await ready()).toBe("False");
    await kubernetes.admin.delete("v1/Pod", "metallb-system/speaker-1");
    expect(await kubernetes.admin.list("v1/Pod", { labelSelector: "component=speaker" })).toEqual([]);
  });
});

describe("kube-proxy", () => {
  let proxies: KubeProxy[];
  let pods: Pod[];
  beforeAll(async () => {
    proxies = await Promise.all(nodes.map((node) => kubernetes.startKubeProxy(node)));
    pods = [];
    for (const node of nodes) {
      const pod = await lab.addPod(node);
      pods.push(pod);
      for (const address of [pod.ipv4, pod.ipv6]) {
        await pod.serveHttp(
          8080,
          (request, response) => response.end(`${node.name} ${request.socket.remoteAddress}`),
          address,
        );
      }
      await pod.serveUdp(5353, () => node.name);
    }
  });

  /** The client believes that this node has the address, which no machine says of itself. */
  const believe = (address: string, node: LanHost): Promise<string> =>
    lab.client.exec(["ip", "neigh", "replace", address, "lladdr", node.mac, "dev", "eth0", "nud", "permanent"]);

  const endpoints = (on: readonly Pod[]) =>
    on.flatMap(({ node, ipv4, ipv6 }) => [ipv4, ipv6].map((address) => ({ node: node.name, address })));

  it("forwards a LoadBalancer address that no machine answers ARP for", async () => {
    await kubernetes.createService("default/web", [{ port: 80, targetPort: 8080 }]);
    await kubernetes.setEndpoints("default/web", endpoints(pods.slice(2)));
    await kubernetes.setIngress("default/web", ["192.168.1.240"]);
    await Promise.all(proxies.map((proxy) => proxy.serves("192.168.1.240", 80)));

    expect((await lab.client.whoHas(["192.168.1.240"])).get("192.168.1.240")).toEqual([]);
    for (const node of nodes) {
      await believe("192.168.1.240", node);
      const capture = await node.capture();
      expect((await lab.client.fetch("http://192.168.1.240/")).body).toMatch(/^n3 /);
      const reached = (await capture.stop()).some(
        ({ tcp, ip }) => ip?.destination === "192.168.1.240" && tcp?.flags.syn,
      );
      expect(reached).toBe(true);
    }
  });

  it("keeps the client's address where the traffic policy is Local, and forwards to this node's Pods alone", async () => {
    const more = { spec: { externalTrafficPolicy: "Local" } };
    await kubernetes.createService("default/local", [{ port: 80, targetPort: 8080 }], more);
    await kubernetes.setEndpoints("default/local", endpoints(pods));
    await kubernetes.setIngress("default/local", ["192.168.1.241"]);
    await Promise.all(proxies.map((proxy) => proxy.serves("192.168.1.241", 80)));
    for (const node of nodes) {
      await believe("192.168.1.241", node);
      expect((await lab.client.fetch("http://192.168.1.241/")).body).toBe(`${node.name} 192.168.1.3`);
    }
  });

  it("forwards IPv6 and UDP, and forgets what is deleted", async () => {
    const ports = [
      { name: "http", port: 80, targetPort: 8080 },
      { name: "dns", port: 53, targetPort: 5353, protocol: "UDP" },
    ] as const;
    const families = { ipFamilyPolicy: "RequireDualStack", ipFamilies: ["IPv4", "IPv6"] };
    await kubernetes.createService("default/both", ports, { spec: families });
    await kubernetes.setEndpoints("default/both", endpoints(pods.slice(0, 1)));
    await kubernetes.setIngress("default/both", ["192.168.1.242", "fd01::242"]);
    const [, , proxy] = proxies as [KubeProxy, KubeProxy, KubeProxy];
    await proxy.serves("192.168.1.242", 53, "udp");
    await proxy.serves("fd01::242", 80);
    for (const address of ["192.168.1.242", "fd01::242"]) await believe(address, nodes[2] ?? lab.router);
    expect((await lab.client.fetch("http://[fd01::242]/")).body).toMatch(/^n1 /);
    expect((await lab.client.askUdp({ host: "192.168.1.242", port: 53 }, "?")).toString()).toBe("n1");
    await kubernetes.admin.delete("v1/Service", "default/both");
    await proxy.forgets("192.168.1.242");
    await proxy.forgets("fd01::242");
  });
});
