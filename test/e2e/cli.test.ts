import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { smelter } from "./command.js";

const NODE_24 = process.env["SMELTER_TEST_NODE24"];

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "smelter-cli-"));
});
afterEach(() => rm(folder, { recursive: true }));

describe("usage", () => {
  it.each([
    { name: "no command", args: [] },
    { name: "an unknown command", args: ["frobnicate"] },
    { name: "an unknown flag", args: ["controller", "--frobnicate"] },
    { name: "a value out of its choices", args: ["run", "--from", ".", "--once", "--output", "xml"] },
    { name: "a missing flag", args: ["run"] },
    { name: "a flag without its value", args: ["migrate", "convert", "a", "--nodes"] },
    { name: "flags that exclude each other", args: ["run", "--from", ".", "--once", "--node", "n1"] },
    { name: "migrate without its command", args: ["migrate"] },
    { name: "a speaker without its node", args: ["speaker"] },
    { name: "a namespace that is none", args: ["migrate", "convert", "-", "--namespace", "No_Name"] },
  ])("$name ends with 2, help on stderr, nothing on stdout", async ({ args }) => {
    const { code, stdout, stderr } = await smelter(args);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).not.toBe("");
    expect(stderr).not.toMatch(/^\s+at /m); // no stack traces
  });

  it.each([["controller"], ["speaker"], ["run"], ["migrate", "convert"], ["version"]])(
    "%s %s --help shows an example",
    async (...words) => {
      const { code, stdout } = await smelter([...words.filter((word) => typeof word === "string"), "--help"]);
      expect(code).toBe(0);
      expect(stdout).toContain("Examples:");
    },
  );

  it("breaks the lines of its help between words", async () => {
    const { stdout } = await smelter(["migrate", "convert", "--help"]);
    expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(110);
    const words = stdout.replaceAll(/\s+/g, " ");
    expect(words).toContain("Exit code 0: done, 1: refused, 2: wrong usage, 3: done with warnings (--exit-code).");
    expect(words).toContain("a file, or - for standard input [string]");
  });

  it.each([
    { args: ["run"], help: "smelter run --help" },
    { args: ["migrate", "convert", "a", "--frobnicate"], help: "smelter migrate convert --help" },
    { args: ["frobnicate"], help: "smelter --help" },
  ])("names the help that helps: $help", async ({ args, help }) => {
    expect((await smelter(args)).stderr).toContain(`Try ${help}\n`);
  });

  it("says its version in the form that is asked for", async () => {
    const { stdout } = await smelter(["version", "--output", "json"]);
    const version = (JSON.parse(stdout) as { version: string }).version;
    expect((await smelter(["--version"])).stdout).toBe(`${version}\n`);
    expect((await smelter(["version", "-o", "yaml"])).stdout).toContain(`version: ${version}\n`);
  });
});

describe("run --once", () => {
  const once = (from: string, ...more: string[]) => smelter(["run", "--from", from, "--once", ...more]);

  it("serves the homelab as its comments say", async () => {
    const { code, stdout, stderr } = await once("examples/legacy", "--output", "json");
    expect([code, stderr]).toEqual([0, ""]);
    const { services } = JSON.parse(stdout) as { services: Record<string, unknown>[] };
    const address = (name: string) => services.find((service) => service["name"] === name)?.["addresses"];
    expect(services).toHaveLength(6);
    expect(address("nginx")).toEqual(["192.168.1.240"]);
    expect(address("fixed-by-annotation")).toEqual(["192.168.1.245"]);
    expect(address("fixed-by-field")).toEqual(["192.168.1.246"]);
    expect(address("dns-udp")).toEqual(["192.168.1.247"]);
    expect(address("dns-tcp")).toEqual(["192.168.1.247"]);
    expect(address("traefik")).toEqual(["192.168.1.241"]);
    for (const { announcedBy, addresses, pool, reason } of services) {
      expect(announcedBy).toEqual([
        { address: (addresses as string[])[0], protocol: "layer2", node: expect.stringMatching(/^n[123]$/) },
      ]);
      expect(pool).toBe("default");
      expect(reason).not.toBe("");
    }
    const owner = (name: string) => services.find((service) => service["name"] === name)?.["announcedBy"];
    expect(owner("dns-tcp")).toEqual(owner("dns-udp")); // one address, one machine
    expect(JSON.stringify(owner("traefik"))).toMatch(/"n[23]"/); // Local policy: where its Pods are
  });

  it.each([
    { file: "bgp-one-peer.yaml", notes: /no Service of type LoadBalancer/ },
    { file: "layer2-range.yaml", notes: /no Service of type LoadBalancer/ },
    { file: "lokomotive-two-workers.yaml", notes: /no Service of type LoadBalancer/ },
    {
      file: "crds-mixed-namespaces.yaml",
      notes:
        /IPAddressPool metallb\/first-pool.*metallb-system[\s\S]*L2Advertisement metallb-system\/example.*first-pool/,
    },
  ])("reads examples/$file", async ({ file, notes }) => {
    const { code, stdout, stderr } = await once(`examples/${file}`, "-o", "json");
    expect([code, JSON.parse(stdout)]).toEqual([0, { services: [] }]);
    expect(stderr).toMatch(notes);
  });

  it("finds the BGP peers that the Nodes of a Lokomotive cluster are annotated with", async () => {
    const { code, stdout, stderr } = await once("examples/lokomotive", "--config", "metallb", "-o", "json");
    const { services } = JSON.parse(stdout) as { services: { announcedBy: unknown }[] };
    expect([code, services.map(({ announcedBy }) => announcedBy)]).toEqual([
      0,
      [[{ address: "192.0.2.64", protocol: "bgp", node: "worker-0" }]],
    ]);
    expect(stderr).toMatch(/Node worker-1: \/metadata\/annotations\/metal\.equinix\.com~1peer-ip is absent/);
    expect(stderr).not.toContain("worker-0:");
  });

  it("leaves the Services of examples/services.yaml waiting, and says why, where no pool is configured", async () => {
    const { code, stdout } = await once("examples/services.yaml", "-o", "json");
    const { services } = JSON.parse(stdout) as { services: { addresses: unknown[]; reason: string }[] };
    expect([code, services.length]).toEqual([0, 6]);
    for (const { addresses, reason } of services)
      expect([addresses, reason]).toEqual([[], expect.stringMatching(/pool/)]);
  });

  it("reads the ConfigMap as strictly as the release that is named", async () => {
    const config = "address-pools:\\n- {name: a, protocol: layer2, addresses: [192.0.2.1-192.0.2.1]}\\n";
    const configMap = `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config}\ndata: {config: "${config}"}\n`;
    await writeFile(join(folder, "config.yaml"), configMap);
    expect((await once(folder)).code).toBe(0);
    const { code, stdout, stderr } = await once(folder, "--generation", "v0.11");
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/range of one address, which v0\.11 refuses/);
  });

  it("refuses a Service of a misspelt type, which would seem to want nothing", async () => {
    const manifest = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  type: Loadbalancer\n";
    await writeFile(join(folder, "service.yaml"), manifest);
    const { code, stderr } = await once(folder);
    expect(code).toBe(1);
    expect(stderr).toContain(
      'service.yaml:5:9: Cannot use Service web: /spec/type is "Loadbalancer", which is no type',
    );
  });

  it("shows the Services of another load balancer's class, and why they wait", async () => {
    const manifest =
      "apiVersion: v1\nkind: Service\nmetadata: {name: theirs, namespace: default}\n" +
      "spec: {type: LoadBalancer, loadBalancerClass: example.com/other, clusterIP: 10.0.0.9, ports: [{port: 80}]}\n";
    await writeFile(join(folder, "service.yaml"), manifest);
    const { services } = JSON.parse((await once(folder, "-o", "json")).stdout) as { services: unknown[] };
    expect(services).toEqual([
      expect.objectContaining({
        name: "theirs",
        addresses: [],
        pool: null,
        reason: expect.stringContaining("example.com/other"),
      }),
    ]);
  });

  it("refuses, as the running program would, a pool that has no room for an address in use", async () => {
    const pool = (range: string) =>
      `apiVersion: metallb.io/v1beta1\nkind: IPAddressPool\nmetadata: {name: a, namespace: metallb-system}\nspec: {addresses: [${range}]}\n`;
    const service =
      "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {type: LoadBalancer}\nstatus: {loadBalancer: {ingress: [{ip: 192.0.2.9}]}}\n";
    await writeFile(join(folder, "service.yaml"), service);
    await writeFile(join(folder, "pool.yaml"), pool("192.0.2.0/24"));
    expect((await once(folder)).stdout).toMatch(/default\/web +192\.0\.2\.9/);
    await writeFile(join(folder, "pool.yaml"), pool("192.0.2.0/29"));
    const refused = await once(folder);
    expect([refused.code, refused.stdout]).toEqual([1, ""]);
    expect(refused.stderr).toContain('is "192.0.2.9", which is in use and in none of its pools');
    expect((await once(folder, "--pool-change", "reassign")).stdout).toMatch(/default\/web +192\.0\.2\.0/);
  });

  it("writes nothing beside the manifests", async () => {
    await writeFile(
      join(folder, "services.yaml"),
      "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {type: LoadBalancer}\n",
    );
    await once(folder);
    expect(await readdir(folder)).toEqual(["services.yaml"]);
  });

  it("reports all faults at once, and decides nothing", async () => {
    const config = "address-pools:\n- name: a\n  protocol: layer3\n  addresses: [10.0.0.0/33]\n- protocol: bgp\n";
    await writeFile(
      join(folder, "config.yaml"),
      `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config, namespace: metallb-system}\ndata:\n  config: |\n${config.replaceAll(/^/gm, "    ")}\n`,
    );
    const { code, stdout, stderr } = await once(folder);
    expect([code, stdout]).toEqual([1, ""]);
    for (const line of stderr.trimEnd().split("\n")) expect(line).toMatch(/config\.yaml:\d+:\d+: Cannot use ConfigMap/);
    expect(stderr).toContain("/address-pools/0/protocol");
    expect(stderr).toContain("/address-pools/0/addresses/0");
    expect(stderr).toContain("/address-pools/1");
  });

  it.each([
    { name: "a path that is not there", path: "missing.yaml", problem: /cannot be read.*: name a file or folder/ },
    { name: "a folder without manifests", path: ".", problem: /holds no \.yaml/ },
  ])("refuses $name", async ({ path, problem }) => {
    const { code, stdout, stderr } = await once(join(folder, path));
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(problem);
  });
});

describe("migrate convert", () => {
  it.each([
    { file: "layer2-range.yaml", kinds: ["IPAddressPool", "L2Advertisement"] },
    { file: "bgp-one-peer.yaml", kinds: ["BGPPeer", "IPAddressPool", "BGPAdvertisement"] },
    { file: "lokomotive-two-workers.yaml", kinds: ["BGPPeer", "BGPPeer", "IPAddressPool", "BGPAdvertisement"] },
  ])("converts examples/$file", async ({ file, kinds }) => {
    const { code, stdout, stderr } = await smelter(["migrate", "convert", `examples/${file}`]);
    expect([code, stderr]).toEqual([0, ""]);
    expect([...stdout.matchAll(/^kind: (\w+)$/gm)].map(([, kind]) => kind)).toEqual(kinds);
  });

  it("writes out the peers of Nodes that come from standard input, or keeps how to find them", async () => {
    const args = ["migrate", "convert", "examples/lokomotive/metallb.yaml", "--exit-code"];
    expect((await smelter(args)).code).toBe(1);
    const input = await readFile("examples/lokomotive/nodes.yaml", "utf8");
    const written = await smelter([...args, "--nodes", "-"], { input });
    expect(written.code).toBe(3); // one of the Nodes lacks what its peers need, and Nodes change
    expect(written.stderr).toContain("standard input:24:5: Node worker-1: ");
    expect(written.stdout).toContain("  name: peer-169-254-255-1-worker-0\n");
    const kept = await smelter([...args, "--keep-autodiscovery"]);
    expect([kept.code, [...kept.stdout.matchAll(/^kind: (\w+)$/gm)].map(([, kind]) => kind)]).toEqual([
      3,
      ["IPAddressPool", "BGPAdvertisement", "ConfigMap"],
    ]);
  });

  it("takes standard input, a namespace, and writes JSON", async () => {
    const input = "address-pools:\n- {name: a, protocol: layer2, addresses: [10.0.0.0/24]}\n";
    const args = ["migrate", "convert", "-", "--namespace", "metallb", "--output", "json"];
    const { code, stdout } = await smelter(args, { input });
    expect(code).toBe(0);
    expect(stdout.trim().split("\n").length).toBeGreaterThan(0);
    expect(stdout).toContain('"namespace": "metallb"');
  });

  it("refuses with 1, everything wrong on stderr and nothing on stdout", async () => {
    const input = "address-pools:\n- {name: a, protocol: layer2, addresses: [10.0.0.0/33, x]}\n";
    const { code, stdout, stderr } = await smelter(["migrate", "convert", "-"], { input });
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr.trimEnd().split("\n")).toHaveLength(2);
  });
});

describe("what keeps controller and speaker from starting", () => {
  const quiet = ["--port", "0", "--health-probe-port", "0"];

  it.each([
    { name: "a kubeconfig that is not there", text: undefined, problem: /Cannot read kubeconfig .*: name one/ },
    { name: "a kubeconfig that does not parse", text: "clusters: [", problem: /Cannot .* kubeconfig/ },
    { name: "a kubeconfig without a cluster", text: "apiVersion: v1\nkind: Config\n", problem: /kubeconfig/ },
  ])("$name: one clear error", async ({ text, problem }) => {
    const kubeconfig = join(folder, "kubeconfig");
    if (text !== undefined) await writeFile(kubeconfig, text);
    const { code, stdout } = await smelter(["controller", "--kubeconfig", kubeconfig, ...quiet]);
    expect(code).toBe(1);
    const errors = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { level: string; msg: string });
    expect(errors.filter(({ level }) => level === "error")).toHaveLength(1);
    expect(errors.at(-1)?.msg).toMatch(problem);
  });
});

describe("on Node.js 24", () => {
  it("runs the same bundle", async () => {
    if (NODE_24 === undefined || NODE_24 === "") throw new Error("SMELTER_TEST_NODE24 is not set: run make test");
    const [here, there] = await Promise.all([
      smelter(["run", "--from", "examples/legacy", "--once", "-o", "json"]),
      smelter(["run", "--from", "examples/legacy", "--once", "-o", "json"], { node: NODE_24 }),
    ]);
    expect(there).toEqual(here);
    expect((await smelter(["version", "-o", "json"], { node: NODE_24 })).stdout).toMatch(/"node":"24\./);
  });
});
