import { expect, it } from "vitest";
import { serveHealth, serveMetrics } from "../../../../src/runtime/metrics/http.js";
import { createRegistry } from "../../../../src/runtime/metrics/registry.js";
import { createSpeakerMetrics } from "../../../../src/runtime/metrics/speaker-metrics.js";

async function get(port: number, path: string): Promise<[number, string]> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  return [response.status, await response.text()];
}

it("serves metrics as they are after a refresh, and nothing else", async () => {
  const registry = createRegistry();
  const metrics = createSpeakerMetrics(registry, "node1");
  metrics.setAnnounced("default/nginx", "192.0.2.1", "layer2", true);
  metrics.setAnnounced("default/gone", "192.0.2.2", "layer2", true);
  metrics.setAnnounced("default/gone", "192.0.2.2", "layer2", false);
  metrics.setConfig({ loaded: true, stale: false });
  let scrapes = 0;
  const refresh = async (): Promise<void> => {
    scrapes += 1;
    metrics.setLayer2(
      new Map([
        [
          "192.0.2.1",
          {
            requestsReceived: 7 * scrapes,
            responsesSent: 5,
            gratuitousSent: 10,
            claimsHeard: 3,
            contestedMilliseconds: 2500,
          },
        ],
        [
          `192.0.2.${2 + scrapes}`,
          { requestsReceived: 1, responsesSent: 1, gratuitousSent: 1, claimsHeard: 0, contestedMilliseconds: 0 },
        ],
      ]),
      [
        { protocol: "arp", drops: { truncated: 1, queueOverflow: 8 }, errors: 1 },
        { protocol: "arp", drops: { truncated: 2 }, errors: 1 },
        { protocol: "ndp", drops: { truncated: 4 }, errors: 0 },
      ],
      { restarts: 3, stalls: 2 },
    );
  };
  const served = await serveMetrics({ host: "127.0.0.1", port: 0, registry, refresh });
  if (!served.ok) throw new Error(served.fault.message);
  await get(served.value.port, "/metrics");
  const [status, text] = await get(served.value.port, "/metrics");
  expect(status).toBe(200);
  expect(text).toContain(
    'metallb_speaker_announced{service="default/nginx",protocol="layer2",node="node1",ip="192.0.2.1"} 1\n',
  );
  expect(text).not.toContain("default/gone");
  expect(text).toContain('metallb_layer2_requests_received{ip="192.0.2.1"} 14\n');
  expect(text).toContain(
    '# TYPE metallb_layer2_responses_sent counter\nmetallb_layer2_responses_sent{ip="192.0.2.1"} 5\n',
  );
  expect(text).toContain('metallb_layer2_gratuitous_sent{ip="192.0.2.4"} 1\n');
  expect(text).toContain('smelter_layer2_claims_total{ip="192.0.2.1"} 3\n');
  expect(text).toContain('smelter_layer2_contested_seconds_total{ip="192.0.2.1"} 2.5\n');
  expect(text).not.toMatch(/(claims|contested_seconds)_total\{ip="192.0.2.4"/);
  expect(text).not.toContain('"192.0.2.3"'); // which was there at the first scrape
  expect(text).toContain('smelter_layer2_dropped_total{protocol="arp",reason="truncated"} 3\n');
  expect(text).toContain('smelter_layer2_dropped_total{protocol="arp",reason="queueOverflow"} 8\n');
  expect(text).toContain('smelter_layer2_errors_total{protocol="arp"} 2\n');
  expect(text).toContain("smelter_layer2_thread_restarts_total 3\n");
  expect(text).toContain("smelter_layer2_stalls_total 2\n");
  expect(text).toContain("metallb_k8s_client_config_loaded_bool 1\n");
  expect(await get(served.value.port, "/debug")).toEqual([404, "not found\n"]);
  await served.value.close();
});

it("tells readiness with its reason", async () => {
  let reason: string | undefined = "Services are not listed yet";
  const served = await serveHealth({ host: "127.0.0.1", port: 0, notReadyReason: () => reason });
  if (!served.ok) throw new Error(served.fault.message);
  expect(await get(served.value.port, "/healthz")).toEqual([200, "ok\n"]);
  expect(await get(served.value.port, "/readyz")).toEqual([503, "Services are not listed yet\n"]);
  reason = undefined;
  expect(await get(served.value.port, "/readyz")).toEqual([200, "ok\n"]);
  await served.value.close();
});

it("explains, as JSON, where there is something to explain", async () => {
  const health = { host: "127.0.0.1", port: 0, notReadyReason: () => undefined };
  const served = await serveHealth({
    ...health,
    explain: (query) => ({ status: query.has("service") ? 200 : 400, body: { service: query.get("service") } }),
  });
  const without = await serveHealth(health);
  if (!served.ok || !without.ok) throw new Error("cannot listen");
  const response = await fetch(`http://127.0.0.1:${served.value.port}/explain?service=default/web%3F`);
  expect(response.headers.get("content-type")).toBe("application/json");
  expect(await response.json()).toEqual({ service: "default/web?" });
  expect((await get(served.value.port, "/explain"))[0]).toBe(400);
  expect((await get(without.value.port, "/explain?service=default/web"))[0]).toBe(404);
  await Promise.all([served.value.close(), without.value.close()]);
});

it.each([
  { name: "a port in use", problem: /another process listens there/ },
  { name: "an address of another machine", host: "192.0.2.1", problem: /none of this machine's/ },
])("names the remedy for $name", async ({ host, problem }) => {
  const first = await serveHealth({ host: "127.0.0.1", port: 0, notReadyReason: () => undefined });
  if (!first.ok) throw new Error(first.fault.message);
  const second = await serveHealth({
    host: host ?? "127.0.0.1",
    port: first.value.port,
    notReadyReason: () => undefined,
  });
  expect(second.ok ? "listening" : second.fault.message).toMatch(problem);
  await first.value.close();
});
