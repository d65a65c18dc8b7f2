import { afterAll, beforeAll, expect, it } from "vitest";
import { createLab, type Lab } from "./lab.js";
import { startKubernetes, type Kubernetes } from "./kubernetes.js";

let lab: Lab;
let kubernetes: Kubernetes;
beforeAll(async () => {
  lab = await createLab({ lanIPv4: "192.168.1.0/24" });
  const t = performance.now();
  kubernetes = await startKubernetes(lab);
  console.log("kubernetes", performance.now() - t);
});
afterAll(() => lab.close());

it("forwards", async () => {
  let t = performance.now();
  const proxies = await Promise.all(lab.nodes.map((n) => kubernetes.startKubeProxy(n)));
  console.log("proxies", performance.now() - t);
  t = performance.now();
  const pod = await lab.addPod(lab.nodes[2]!);
  await pod.serveHttp(8080, (q, s) => s.end(`${q.socket.remoteAddress}`));
  await kubernetes.createService("default/web", [{ port: 80, targetPort: 8080 }]);
  await kubernetes.setEndpoints("default/web", [{ node: "n3", address: pod.ipv4 }]);
  await kubernetes.setIngress("default/web", ["192.168.1.240"]);
  await proxies[0]!.serves("192.168.1.240", 80);
  console.log("served", performance.now() - t);
  await lab.client.exec(["ip", "neigh", "replace", "192.168.1.240", "lladdr", lab.nodes[0]!.mac, "dev", "eth0"]);
  console.log(await lab.client.fetch("http://192.168.1.240/"));
  t = performance.now();
  await kubernetes.apiServer.stop();
  await kubernetes.apiServer.start();
  console.log("restarted", performance.now() - t);
  console.log((await kubernetes.admin.get("v1/Service", "default/web")).status);
  const kc = await kubernetes.kubeconfigOf("metallb-system/speaker");
  const c = await kubernetes.clientOf("metallb-system/speaker");
  await expect(c.list("v1/Service")).rejects.toThrow("forbidden");
  console.log(kubernetes.auditLog("system:serviceaccount:metallb-system:speaker"));
  console.log(
    lab.folder,
    kc,
    proxies.map((p) => p.process.usage()),
    kubernetes.apiServer.process().usage(),
  );
});
