import type { HttpAnswer } from "./metrics/http.js";
import type { Speaker } from "./speaker/speaker.js";

/**
 * Why this node announces a Service, or does not, by layer 2 and by BGP: what it decided last, in words. No secret is in it.
 * @param query `service` is NAMESPACE/NAME
 * @returns 200 with the decision; 404: this node has not looked at such a Service; 400: none is named
 */
export function explainAnnouncement(
  node: string,
  speaker: Pick<Speaker, "decision">,
  query: URLSearchParams,
): HttpAnswer {
  const service = query.get("service") ?? "";
  if (!/^[^/]+\/[^/]+$/.test(service)) {
    const problem = `Cannot explain ${JSON.stringify(service)}: it is no Service: ask for ?service=NAMESPACE/NAME`;
    return { status: 400, body: { node, problem } };
  }
  const decision = speaker.decision(service);
  if (decision !== undefined) return { status: 200, body: { node, service, ...decision } };
  const problem =
    `Cannot explain Service ${service}: it is not there, is of a class that is not served here, ` +
    "or there is no configuration yet: look at /readyz and at the log";
  return { status: 404, body: { node, service, problem } };
}
