import { expect, it, onTestFinished } from "vitest";
import { createLab, type Lab, type LabOptions } from "./lab.js";

async function labFor(options: LabOptions = {}): Promise<Lab> {
  const lab = await createLab(options);
  onTestFinished(() => lab.close());
  return lab;
}

it("createLab() connects every host over IPv4 and IPv6", async () => {
  const lab = await labFor({ lanIPv4: "192.168.1.0/24", lanIPv6: "fd01::/64", nodes: 2 });
  const hosts = [lab.router, lab.controlPlane, lab.client, ...lab.nodes];
  expect(hosts.map(({ name, ipv4, ipv6 }) => [name, ipv4, ipv6])).toEqual([
    ["router", "192.168.1.1", "fd01::1"],
    ["cp", "192.168.1.2", "fd01::2"],
    ["client", "192.168.1.3", "fd01::3"],
    ["n1", "192.168.1.11", "fd01::11"],
    ["n2", "192.168.1.12", "fd01::12"],
  ]);
  for (const host of hosts) {
    await host.serveHttp(80);
    await host.serveHttp(80, `${host.name} over IPv6`, host.ipv6);
    expect((await lab.client.fetch(`http://${host.ipv4}/`)).body).toBe(host.name);
    expect((await lab.client.fetch(`http://[${host.ipv6}]/`)).body).toBe(`${host.name} over IPv6`);
  }
});

it("two labs with the same addresses do not see each other", async () => {
  const [one, other] = await Promise.all([labFor({ nodes: 1 }), labFor({ nodes: 1 })]);
  await one.node("n1").serveHttp(80, "one");
  await other.node("n1").serveHttp(80, "other");
  expect((await one.client.fetch("http://10.77.0.11/")).body).toBe("one");
  expect((await other.client.fetch("http://10.77.0.11/")).body).toBe("other");
  await one.close();
  expect((await other.client.fetch("http://10.77.0.11/")).body).toBe("other");
});

it("the machine's own network stays as it is", async () => {
  const { execFileSync } = await import("node:child_process");
  const links = (): string =>
    execFileSync("ip", ["-o", "link"])
      .toString()
      .replaceAll(/ state .*/g, "");
  const before = links();
  await labFor();
  expect(links()).toBe(before);
});

it("addHost() puts one more host on the LAN", async () => {
  const lab = await labFor({ nodes: 1 });
  const tor = await lab.addHost("tor");
  expect(tor.ipv4).toBe("10.77.0.4");
  await tor.serveHttp(80);
  expect((await lab.node("n1").fetch("http://10.77.0.4/")).body).toBe("tor");
  await expect(lab.addHost("tor")).rejects.toThrow("Cannot add host tor to the lab: its name or its number 5 is taken");
  await expect(lab.addHost("a-name-too-long")).rejects.toThrow("its name is not of 1 to 10 letters");
});

it("addPod() makes addresses behind a node, known on every node", async () => {
  const lab = await labFor({ nodes: 2 });
  const [n1, n2] = lab.nodes as [Lab["router"], Lab["router"]];
  const pods = await Promise.all([lab.addPod(n2), lab.addPod(n2), lab.addPod(n1)]);
  expect(pods.map(({ ipv4 }) => ipv4)).toEqual(["10.244.12.2", "10.244.12.3", "10.244.11.2"]);
  for (const pod of pods) {
    await pod.serveHttp(80);
    await pod.serveHttp(80, `${pod.name} over IPv6`, pod.ipv6);
    expect((await n1.fetch(`http://${pod.ipv4}/`)).body).toBe(pod.name);
    expect((await n2.fetch(`http://[${pod.ipv6}]/`)).body).toBe(`${pod.name} over IPv6`);
  }
});

it("the router forwards between networks behind it and the LAN", async () => {
  const lab = await labFor({ nodes: 1 });
  await lab.router.exec(["ip", "route", "add", "203.0.113.0/24", "via", lab.node("n1").ipv4]);
  await lab.node("n1").exec(["ip", "address", "add", "203.0.113.9/32", "dev", "lo"]);
  await lab.node("n1").serveHttp(80, "behind", "203.0.113.9");
  expect((await lab.client.fetch("http://203.0.113.9/")).body).toBe("behind"); // its default route is the router
});

it("askUdp() has the answer of serveUdp()", async () => {
  const lab = await labFor({ nodes: 1 });
  const served = await lab.node("n1").serveUdp(53, (question) => `you said ${question.toString()}`);
  const answer = await lab.client.askUdp({ host: lab.node("n1").ipv4, port: 53 }, "hello");
  expect(answer.toString()).toBe("you said hello");
  expect(served.requests()).toBe(1);
  await served.close();
  const unanswered = lab.client.askUdp({ host: lab.node("n1").ipv4, port: 53, timeoutMs: 100 }, "hello");
  await expect(unanswered).rejects.toThrow("Waited 100 ms in vain for an answer from udp 10.77.0.11:53");
});

it("fetch() rejects as a connection does", async () => {
  const lab = await labFor({ nodes: 1 });
  const { client } = lab;
  await client.exec(["sh", "-c", "echo 50 >/proc/sys/net/ipv4/neigh/eth0/retrans_time_ms"]); // gives up three such later
  await expect(client.fetch("http://10.77.0.11/")).rejects.toMatchObject({ code: "ECONNREFUSED" });
  await expect(client.fetch("http://10.77.0.99/")).rejects.toMatchObject({ code: "EHOSTUNREACH" });
  await lab.node("n1").serveHttp(80, () => undefined);
  const silent = client.fetch("http://10.77.0.11/", { timeoutMs: 100 });
  await expect(silent).rejects.toThrow("Waited 100 ms in vain for an answer from http://10.77.0.11/");
});

it.each([
  { lanIPv4: "192.168.1.0/25" },
  { lanIPv4: "192.168.1.5/24" },
  { lanIPv6: "fd01::1/64" },
  { lanIPv6: "2001:db8:0:1/64" },
])("createLab() refuses %o", (options) => expect(createLab(options)).rejects.toThrow("Cannot plan the lab: "));
