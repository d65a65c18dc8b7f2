// Prints every state of every Service that the API server shows, one JSON line each, in their order:
// {"at": ms since the epoch, "type": ADDED | MODIFIED | DELETED, "key": "namespace/name", "ips": [...], "version"}
// node watch-services.mjs '{"server": URL, "token": ...}'; says {"ready":true} first. A watch that ends goes on where it
// stood; where that cannot be, the program ends with 1: what happened in between would not be seen.
import { request } from "node:https";
import { createInterface } from "node:readline";

const { server, token } = JSON.parse(process.argv[2]);
const { hostname, port } = new URL(server);
let version; // of the last event

function follow() {
  const from = version === undefined ? "" : `&resourceVersion=${version}`;
  const path = `/api/v1/services?watch=true&allowWatchBookmarks=true${from}`;
  const headers = { authorization: `Bearer ${token}`, accept: "application/json" };
  request({ hostname, port, path, headers, rejectUnauthorized: false }, (response) => {
    if (response.statusCode !== 200) process.exit(1);
    if (version === undefined) console.log(JSON.stringify({ ready: true }));
    response.on("error", () => undefined); // "close" follows
    createInterface({ input: response })
      .on("line", (line) => tell(JSON.parse(line)))
      .on("close", follow);
  })
    .on("error", () => process.exit(1))
    .end();
}

function tell({ type, object }) {
  if (type === "ERROR") process.exit(1);
  const { namespace, name, resourceVersion } = object.metadata;
  version = resourceVersion;
  if (type === "BOOKMARK") return;
  const ips = (object.status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip);
  console.log(JSON.stringify({ at: Date.now(), type, key: `${namespace}/${name}`, ips, version }));
}
follow();
