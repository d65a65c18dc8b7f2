// What the allocate benchmark talks to the API server with, from the server's own network namespace.
// node status-client.mjs '{"do":"patch"|"watch"|"create"|"clear", "server":URL, "token":…, "namespace":…,
//   "from":0, "count":N}'
// patch:  writes a status into each of the Services s0 … sN-1 with 16 requests in flight, as plainly as it can be done
// watch:  says {"ready":true}, then when the last of N Services has been seen with an address
// create: makes those of the Services from "from" on; clear: takes all statuses away. Only the first one is made by the
//         API server, which takes tens of milliseconds for each where there are thousands: the others are put
//         into etcd, as copies of it with a name and cluster address of their own
// Prints one JSON line: {"startedAt","endedAt","cpuMs"}, times in milliseconds since the Unix epoch.
import { request as plainRequest } from "node:http";
import { Agent, request } from "node:https";
import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";

const { do: task, server, token, namespace, from, count } = JSON.parse(process.argv[2]);
const IN_FLIGHT = 16;
const agent = new Agent({ keepAlive: true, maxSockets: IN_FLIGHT, rejectUnauthorized: false });
const services = `/api/v1/namespaces/${namespace}/services`;
const { hostname, port } = new URL(server);

function open(method, path, type, body, onResponse) {
  const headers = { authorization: `Bearer ${token}`, accept: "application/json" };
  if (body !== undefined) Object.assign(headers, { "content-type": type, "content-length": Buffer.byteLength(body) });
  return new Promise((resolve, reject) => {
    request({ agent, hostname, port, method, path, headers }, (response) => onResponse(response, resolve, reject))
      .on("error", reject)
      .end(body);
  });
}

/** The answer is taken off the wire and not looked at: nothing of ours is in the floor. */
const ask = (method, path, type, body) =>
  open(method, path, type, body, (response, resolve, reject) => {
    response.on("end", () => {
      if (response.statusCode < 300) resolve();
      else reject(new Error(`${method} ${path}: ${response.statusCode}`));
    });
    response.resume();
  });

async function forEach(work, first = 0) {
  let next = first;
  const worker = async () => {
    for (let index = next++; index < count; index = next++) await work(index);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
}

const addressOf = (index) => `10.64.${index >> 8}.${index & 255}`;
const patch = (index, body) =>
  ask("PATCH", `${services}/s${index}/status`, "application/merge-patch+json", JSON.stringify(body));

const read = (path) =>
  open("GET", path, undefined, undefined, (response, resolve, reject) => {
    text(response).then(resolve, reject);
  });

/** Shows each object that changes, until it is enough or the server ends it. */
const follow = (resourceVersion, see, isEnough) =>
  open(
    "GET",
    `${services}?watch=true&resourceVersion=${resourceVersion}`,
    undefined,
    undefined,
    (response, resolve) => {
      console.log(JSON.stringify({ ready: response.statusCode === 200 }));
      const lines = createInterface({ input: response });
      lines.on("close", resolve).on("line", (line) => {
        if (!line.includes('"ingress":[{"ip"')) return;
        see(JSON.parse(line).object);
        if (isEnough()) resolve();
      });
    },
  );

const AT_ONCE = 50; // etcd takes 128 operations in one go, a Service are two
const ETCD = { hostname: "127.0.0.1", port: 2379, method: "POST", path: "/v3/kv/txn" };

/** A Service as the API server keeps it, and that its cluster address is taken. */
function stored({ metadata, spec }, index) {
  const name = `s${index}`;
  const address = `10.96.${64 + (index >> 8)}.${index & 255}`; // of the upper half, the server takes from the whole
  const uid = randomUUID();
  const labels = {
    "ipaddress.kubernetes.io/ip-family": "IPv4",
    "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io",
  };
  const { creationTimestamp, managedFields } = metadata;
  return [
    [
      `/registry/ipaddresses/${address}`,
      {
        apiVersion: "networking.k8s.io/v1",
        kind: "IPAddress",
        metadata: { name: address, uid: randomUUID(), labels, creationTimestamp },
        spec: { parentRef: { group: "", resource: "services", namespace, name } },
      },
    ],
    [
      `/registry/services/specs/${namespace}/${name}`,
      {
        apiVersion: "v1",
        kind: "Service",
        metadata: { name, namespace, uid, labels: { app: `app-${index}` }, creationTimestamp, managedFields },
        spec: { ...spec, clusterIP: address, clusterIPs: [address] },
        status: { loadBalancer: {} },
      },
    ],
  ];
}

function putIntoEtcd(pairs) {
  const base64 = (text) => Buffer.from(text).toString("base64");
  const success = pairs.map(([key, value]) => ({
    requestPut: { key: base64(key), value: base64(JSON.stringify(value)) },
  }));
  return new Promise((resolve, reject) => {
    plainRequest(ETCD, (response) => {
      if (response.statusCode === 200) response.on("end", resolve).resume();
      else reject(new Error(`etcd: ${response.statusCode}`));
    })
      .on("error", reject)
      .end(JSON.stringify({ success }));
  });
}

const tasks = {
  patch: () => forEach((index) => patch(index, { status: { loadBalancer: { ingress: [{ ip: addressOf(index) }] } } })),
  create: async () => {
    const spec = { type: "LoadBalancer", allocateLoadBalancerNodePorts: false, ports: [{ port: 80 }], selector: {} };
    const metadata = { name: `s${from}`, labels: { app: `app-${from}` } };
    const body = JSON.stringify({ apiVersion: "v1", kind: "Service", metadata, spec });
    await ask("POST", services, "application/json", body);
    const first = JSON.parse(await read(`${services}/s${from}`));
    for (let index = from + 1; index < count; index += AT_ONCE) {
      const indices = Array.from({ length: Math.min(AT_ONCE, count - index) }, (_, offset) => index + offset);
      await putIntoEtcd(indices.flatMap((each) => stored(first, each)));
    }
  },
  clear: () => {
    const metadata = { annotations: { "metallb.io/ip-allocated-from-pool": null } };
    return forEach((index) => patch(index, { metadata, status: { loadBalancer: { ingress: null } } }));
  },
  watch: async () => {
    const served = new Set();
    const see = ({ metadata, status }) => {
      if (status?.loadBalancer?.ingress?.[0]?.ip !== undefined) served.add(metadata.name);
    };
    // The server ends a watch that falls behind, as it may with thousands of changes: the next one goes on from a list.
    while (served.size < count) {
      const { metadata, items } = JSON.parse(await read(services));
      items.forEach(see);
      if (served.size < count) await follow(metadata.resourceVersion, see, () => served.size === count);
    }
  },
};

const startedAt = Date.now();
const before = process.cpuUsage();
await tasks[task]();
const { user, system } = process.cpuUsage(before);
console.log(JSON.stringify({ startedAt, endedAt: Date.now(), cpuMs: (user + system) / 1000 }));
process.exit(0);
