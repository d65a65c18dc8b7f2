import type { ApiClient } from "./api-client.js";
import { RECONNECT_BACKOFF, backoffDelay } from "./backoff.js";
import { pause } from "./pause.js";
import type { EdgePorts } from "./ports.js";
import { isRecord } from "./watch-line.js";

/** What the server is, as far as it matters here. */
export type ServerSupport = Readonly<{
  /** For logs: `v1.36.3`. */
  version: string;
  /** It may know streaming lists (Kubernetes 1.27 and newer). */
  streamingList: boolean;
}>;

/**
 * Waits for the API server to answer, however long that takes: a controller may well be started before it. Each new
 * reason why it does not is logged once, with what to do about it.
 * @returns undefined: the signal came first
 */
export async function connectToServer(
  client: ApiClient,
  { log, clock, random }: EdgePorts,
  signal: AbortSignal,
  onWaiting: (reason: string | undefined) => void,
): Promise<ServerSupport | undefined> {
  let lastMessage = "";
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    const answer = await client.request({ method: "GET", path: "/version", timeoutMilliseconds: 10_000 });
    if (answer.ok || answer.fault.kind === "forbidden" || answer.fault.kind === "notFound") {
      onWaiting(undefined);
      const support = readSupport(answer.ok ? answer.value : undefined);
      log.info({ server: client.server, version: support.version }, "connected to the API server");
      return support;
    }
    const { message } = answer.fault;
    if (message !== lastMessage) log.error({ server: client.server, reason: answer.fault.kind }, message);
    lastMessage = message;
    onWaiting(message);
    await pause(backoffDelay(RECONNECT_BACKOFF, attempt, random()), clock, signal);
  }
  return undefined;
}

function readSupport(version: unknown): ServerSupport {
  if (!isRecord(version)) return { version: "unknown", streamingList: false };
  const { major, minor, gitVersion } = version;
  const [majorNumber, minorNumber] = [Number.parseInt(String(major), 10), Number.parseInt(String(minor), 10)];
  const streamingList = majorNumber > 1 || (majorNumber === 1 && minorNumber >= 27);
  return { version: typeof gitVersion === "string" ? gitVersion : "unknown", streamingList };
}
