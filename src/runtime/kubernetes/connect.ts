import type { Result } from "../net/result.js";
import { refuse, succeed } from "../net/result.js";
import type { ApiClient } from "./api-client.js";
import { RECONNECT_BACKOFF, backoffDelay } from "./backoff.js";
import { pause } from "./pause.js";
import { isPermitted } from "./permission.js";
import type { EdgePorts } from "./ports.js";
import { SERVICES } from "./resource.js";
import { isRecord } from "./watch-line.js";

/** What the server is, as far as it matters here. */
export type ServerSupport = Readonly<{
  /** For logs: `v1.36.3`. */
  version: string;
  /** It may know streaming lists (Kubernetes 1.27 and newer). */
  streamingList: boolean;
}>;

/**
 * Waits for the API server to answer and to let us see Services, however long that takes: we may well be started
 * before it, and one that has just begun to answer knows no permissions yet, so that asking it for others would
 * mislead. Each new reason is logged once, with what to do about it.
 * @returns undefined: the signal came first, and the client is closed
 */
export async function connectToServer(
  client: ApiClient,
  { log, clock, random }: EdgePorts,
  signal: AbortSignal,
  onWaiting: (reason: string | undefined) => void,
): Promise<ServerSupport | undefined> {
  let lastReason = "";
  const giveUp = (): void => client.close(); // a question that hangs must not keep the process
  signal.addEventListener("abort", giveUp);
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    const support = await askServer(client);
    if (signal.aborted) break;
    if (support.ok) {
      signal.removeEventListener("abort", giveUp);
      onWaiting(undefined);
      log.info({ server: client.server, version: support.value.version }, "connected to the API server");
      return support.value;
    }
    if (support.fault !== lastReason) log.error({ event: "waitingForServer", server: client.server }, support.fault);
    lastReason = support.fault;
    onWaiting(support.fault);
    await pause(backoffDelay(RECONNECT_BACKOFF, attempt, random()), clock, signal);
  }
  return undefined;
}

async function askServer(client: ApiClient): Promise<Result<ServerSupport, string>> {
  const answer = await client.request({ method: "GET", path: "/version", timeoutMilliseconds: 10_000 });
  const isSecret = !answer.ok && (answer.fault.kind === "forbidden" || answer.fault.kind === "notFound");
  if (!answer.ok && !isSecret) return refuse(answer.fault.message);
  const permitted = await isPermitted(client, SERVICES, ["list", "watch"]);
  if (!permitted.ok) return refuse(permitted.fault.message);
  if (!permitted.value) {
    const remedy = "grant list and watch of services in a ClusterRole of our ServiceAccount";
    return refuse(`Cannot see Services: their list and watch are not permitted: ${remedy}`);
  }
  return succeed(readSupport(answer.ok ? answer.value : undefined));
}

function readSupport(version: unknown): ServerSupport {
  if (!isRecord(version)) return { version: "unknown", streamingList: false };
  const { major, minor, gitVersion } = version;
  const [majorNumber, minorNumber] = [Number.parseInt(String(major), 10), Number.parseInt(String(minor), 10)];
  const streamingList = majorNumber > 1 || (majorNumber === 1 && minorNumber >= 27);
  return { version: typeof gitVersion === "string" ? gitVersion : "unknown", streamingList };
}
