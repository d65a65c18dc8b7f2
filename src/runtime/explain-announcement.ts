import type { HttpAnswer } from "./metrics/http.js";
import type { Speaker } from "./speaker/speaker.js";
import type { AnsweredView } from "./world/answered-elsewhere.js";

/**
 * Why this node announces a Service, or does not, by layer 2 and by BGP: what it decided last, in words, and which
 * other machines answer for addresses that it announces. No secret is in it.
 * @param query `service` is NAMESPACE/NAME
 * @returns 200 with the decision; 404: this node has not looked at such a Service; 400: none is named
 */
export function explainAnnouncement(
  node: string,
  speaker: Pick<Speaker, "decision"> & Readonly<{ answeredElsewhere(): readonly AnsweredView[] }>,
  query: URLSearchParams,
): HttpAnswer {
  const service = query.get("service") ?? "";
  if (!/^[^/]+\/[^/]+$/.test(service)) {
    const problem = `Cannot explain ${JSON.stringify(service)}: it is no Service: ask for ?service=NAMESPACE/NAME`;
    return { status: 400, body: { node, problem } };
  }
  const decision = speaker.decision(service);
  if (decision !== undefined) {
    const ours = decision.layer2.announce ? decision.layer2.addresses : [];
    const answeredElsewhere = speaker.answeredElsewhere().filter(({ address }) => ours.includes(address));
    return { status: 200, body: { node, service, ...decision, answeredElsewhere } };
  }
  const problem =
    `Cannot explain Service ${service}: it is not there, is of a class that is not served here, ` +
    "or there is no configuration yet: look at /readyz and at the log";
  return { status: 404, body: { node, service, problem } };
}
