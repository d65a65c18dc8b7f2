// Prints every state of every Service that the API server shows, one JSON line each, in their order:
// {"at": ms since the epoch, "type": ADDED | MODIFIED | DELETED, "key": "namespace/name", "ips": [...], "version"}
// node watch-services.mjs '{"server": URL, "token": ...}'; says {"ready":true} first.
import { request } from "node:https";
import { createInterface } from "node:readline";

const { server, token } = JSON.parse(process.argv[2]);
const { hostname, port } = new URL(server);

function follow() {
  const path = "/api/v1/services?watch=true";
  const headers = { authorization: `Bearer ${token}`, accept: "application/json" };
  request({ hostname, port, path, headers, rejectUnauthorized: false }, (response) => {
    console.log(JSON.stringify({ ready: response.statusCode === 200 }));
    createInterface({ input: response })
      .on("line", (line) => {
        const { type, object } = JSON.parse(line);
        const { namespace, name, resourceVersion: version } = object.metadata;
        const ips = (object.status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip);
        console.log(JSON.stringify({ at: Date.now(), type, key: `${namespace}/${name}`, ips, version }));
      })
      .on("close", () => process.exit(1)); // what happens in a gap would not be seen
  })
    .on("error", () => process.exit(1))
    .end();
}
follow();
