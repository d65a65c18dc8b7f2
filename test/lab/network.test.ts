import { afterAll, beforeAll, expect, it } from "vitest";
import { createLab, type Lab } from "./lab.js";

let lab: Lab;
beforeAll(async () => {
  const t = performance.now();
  lab = await createLab({ lanIPv4: "192.168.1.0/24" });
  console.log("created", performance.now() - t);
});
afterAll(async () => {
  const t = performance.now();
  await lab.close();
  console.log("closed", performance.now() - t);
});

it("reaches every host from every host", async () => {
  const page = await lab.nodes[1]!.serveHttp(8080);
  const t = performance.now();
  expect(await lab.client.fetch("http://192.168.1.12:8080/")).toMatchObject({ status: 200, body: "n2" });
  console.log("fetch", performance.now() - t);
  await page.close();
  const pod = await lab.addPod(lab.nodes[2]!);
  await pod.serveHttp(80);
  console.log(await lab.nodes[0]!.fetch(`http://${pod.ipv4}/`));
  const rule = await lab.client.cable.block({ protocol: "tcp", port: 8080 });
  const rule2 = await lab.client.cable.lose(20, { direction: "out" });
  await expect(lab.client.fetch("http://192.168.1.12:8080/", { timeoutMs: 300 })).rejects.toThrow("TIMEDOUT");
  console.log(await rule.counters(), await rule2.counters());
  await rule.remove();
  await rule2.remove();
  await lab.nodes[0]!.serveUdp(53);
  console.log(String(await lab.client.askUdp({ host: "192.168.1.11", port: 53 }, "x")));
});
