import { once } from "node:events";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createApiClient, type ApiClient } from "../../../../src/runtime/kubernetes/api-client.js";
import { systemClock } from "../../../../src/runtime/kubernetes/system-clock.js";
import { succeed } from "../../../../src/runtime/net/result.js";
import { makeAuthority, makeServerCertificate, type PemPair } from "../../../../src/runtime/webhook/certificate.js";
import { accessTo, notePorts } from "./fixtures.js";

const DAY_MILLISECONDS = 86_400_000;
const validity = { from: Date.now() - DAY_MILLISECONDS, until: Date.now() + DAY_MILLISECONDS };

let authority: PemPair;
let server: Server;
/** Of each connection that brought a request, in their order: the name it asked for, and whether it resumed an earlier one. */
const seen: string[] = [];

beforeAll(async () => {
  authority = await makeAuthority(validity, "ec");
  const { certificate, key } = await makeServerCertificate(authority, ["localhost", "api.example"], validity);
  server = createServer({ cert: certificate, key }, (request, response) => {
    const { servername, alpnProtocol } = request.socket as TLSSocket;
    seen.push(
      `${String(servername)} ${String(alpnProtocol)} ${(request.socket as TLSSocket).isSessionReused() ? "resumed" : "new"}`,
    );
    response.setHeader("connection", "close");
    response.end("{}");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

function clientOf(host: string, tls: Readonly<Record<string, unknown>>): ApiClient {
  const access = accessTo(`https://${host}:${(server.address() as AddressInfo).port}`, async () =>
    succeed({ headers: {}, tls }),
  );
  return createApiClient({ ...notePorts(systemClock).ports, access, userAgent: "smelter/test", maxSockets: 1 });
}

const GET = { method: "GET", path: "/version" } as const;

it("asks for the server by its name, and resumes the session of the connection before", async () => {
  const client = clientOf("localhost", { ca: authority.certificate });
  expect(await client.request(GET)).toEqual({ ok: true, value: {} });
  expect(await client.request(GET)).toEqual({ ok: true, value: {} });
  const stream = { path: "/watch", deadlineMilliseconds: 60_000, onChunk: () => true };
  expect((await client.stream({ ...stream, signal: new AbortController().signal })).ok).toBe(true);
  expect(seen.splice(0)).toEqual(["new", "resumed", "resumed"].map((how) => `localhost http/1.1 ${how}`));
  client.close();
});

it("asks for the name that the kubeconfig gives the server", async () => {
  const client = clientOf("127.0.0.1", { ca: authority.certificate, servername: "api.example" });
  expect(await client.request(GET)).toEqual({ ok: true, value: {} });
  expect(seen.splice(0)).toEqual(["api.example http/1.1 new"]);
  client.close();
});

it.each([
  { what: "another name than that of the certificate", host: "127.0.0.1", trusted: true },
  { what: "a certificate that nobody it trusts has signed", host: "localhost", trusted: false },
])("sends nothing to a server with $what", async ({ host, trusted }) => {
  const other = await makeAuthority(validity, "ec");
  const client = clientOf(host, { ca: (trusted ? authority : other).certificate });
  const answer = await client.request({ method: "POST", path: "/secrets", body: "{}" });
  expect(answer).toMatchObject({ ok: false, fault: { kind: "unreachable" } });
  expect(answer.ok ? "" : answer.fault.message).toContain("give the certificate authority of this cluster");
  expect(seen).toEqual([]);
  client.close();
});
