// What the allocate benchmark talks to the API server with, from the server's own network namespace.
// node status-client.mjs '{"do":"patch"|"watch"|"create"|"clear", "server":URL, "token":…, "namespace":…,
//   "from":0, "count":N}'
// patch:  writes a status into each of the Services s0 … sN-1 with 16 requests in flight, as plainly as it can be done
// watch:  says {"ready":true}, then when the last of N Services has been seen with an address
// create: makes those of the Services from "from" on; clear: takes all statuses away
// Prints one JSON line: {"startedAt","endedAt","cpuMs"}, times in milliseconds since the Unix epoch.
import { Agent, request } from "node:https";
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

const tasks = {
  patch: () => forEach((index) => patch(index, { status: { loadBalancer: { ingress: [{ ip: addressOf(index) }] } } })),
  create: () =>
    forEach((index) => {
      const spec = { type: "LoadBalancer", allocateLoadBalancerNodePorts: false, ports: [{ port: 80 }], selector: {} };
      const metadata = { name: `s${index}`, labels: { app: `app-${index}` } };
      const body = JSON.stringify({ apiVersion: "v1", kind: "Service", metadata, spec });
      return ask("POST", services, "application/json", body);
    }, from),
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
