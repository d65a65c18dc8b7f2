import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { connect as connectPlain, isIP, type Socket } from "node:net";
import { connect as connectTls, createSecureContext, type SecureContext, type SecureContextOptions } from "node:tls";
import type { Credentials } from "./cluster-access.js";
import { createHttpConnections, type HttpConnections } from "./http-connections.js";

/** How to get to the API server with these credentials. */
export type ServerSockets = Readonly<{
  /** For answers that go on; through the proxy where there is one. */
  agent: HttpAgent;
  /** For short ones. Undefined where a proxy is in between: then they go by the agent, too. */
  requests: HttpConnections | undefined;
  /** Of the newest connection for requests: what resumes it costs both sides a third. Undefined where there is none yet. */
  tlsSession(): Buffer | undefined;
}>;

/** @property maxSockets BOUND of the connections for requests, `maxStreams` more are for streams */
export type SocketBounds = Readonly<{ maxSockets: number; maxStreams: number }>;

const KEEPALIVE_PROBE_MILLISECONDS = 15_000; // then one probe a second, ten times: a dead peer shows within 25 s
/** A page of 500 large objects is a few tens of megabytes; a text of Node.js has 512 MiB at most. */
const MAX_BODY_OCTETS = 256 * 1024 * 1024;

/** @throws where the certificates cannot be used; see findCredentialsFault(), which says so before */
export function openServerSockets(server: URL, credentials: Credentials, bounds: SocketBounds): ServerSockets {
  const { maxSockets, maxStreams } = bounds;
  const { tls, agent: proxy } = credentials;
  const keep = { keepAlive: true, maxSockets: maxStreams, maxFreeSockets: maxStreams };
  if (proxy !== undefined) {
    const all = { ...keep, maxSockets: maxSockets + maxStreams, maxFreeSockets: maxSockets };
    return { agent: Object.assign(proxy, all), requests: undefined, tlsSession: () => undefined };
  }
  const host = hostOf(server);
  const port = Number(server.port) || (server.protocol === "http:" ? 80 : 443);
  const openRequests = (open: () => Socket): HttpConnections =>
    createHttpConnections({ open: () => kept(open()), maxSockets, maxBodyOctets: MAX_BODY_OCTETS });
  if (server.protocol === "http:") {
    const requests = openRequests(() => connectPlain({ host, port }));
    return { agent: new HttpAgent(keep), requests, tlsSession: () => undefined };
  }
  // One context for all connections: what is in the certificates is read once.
  const { secureContext, others } = readTls(tls);
  const ours = { secureContext, ALPNProtocols: ["http/1.1"] };
  // All go to one server: of the name that the agent makes of some twenty options for each request nothing is to be learnt.
  const agent = Object.assign(new HttpsAgent({ ...others, ...keep, ...ours }), { getName: () => server.origin });
  const servername = isIP(host) === 0 ? { servername: host } : {};
  let session: Buffer | undefined; // all connections after the first resume it
  const requests = openRequests(() => {
    const resumed = session === undefined ? {} : { session };
    const socket = connectTls({
      ...servername,
      ...others,
      ...resumed,
      host,
      port,
      ...ours,
    });
    socket.on("session", (newer) => void (session = newer));
    socket.once("error", () => void (session = undefined)); // it may be what the server did not like
    return socket;
  });
  return { agent, requests, tlsSession: () => session };
}

/** For sockets and agents: without the brackets of an IPv6 address. */
export const hostOf = (server: URL): string => server.hostname.replace(/^\[|\]$/g, "");

/** Small requests that wait for an answer are sent at once; a peer that is gone without a word is noticed. */
export function kept(socket: Socket): Socket {
  return socket.setNoDelay(true).setKeepAlive(true, KEEPALIVE_PROBE_MILLISECONDS);
}

function readTls(tls: Credentials["tls"]): Readonly<{ secureContext: SecureContext; others: Record<string, unknown> }> {
  const { ca, cert, key, pfx, passphrase, ...others } = tls;
  return { secureContext: createSecureContext({ ca, cert, key, pfx, passphrase } as SecureContextOptions), others };
}
