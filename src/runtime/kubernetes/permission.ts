import type { Result } from "../net/result.js";
import { succeed } from "../net/result.js";
import type { ApiClient } from "./api-client.js";
import type { ApiFailure } from "./api-failure.js";
import type { Resource } from "./resource.js";
import { isRecord } from "./watch-line.js";

/** Each that is in flight has a connection to itself, and to open one costs both sides more than the answer. */
const MAX_QUESTIONS = 6;

export type Verb = "get" | "list" | "watch" | "create" | "update" | "patch" | "delete";

/**
 * Asks the server whether we may do something, so that what is not granted is not tried. One question for each verb:
 * unlike the list of all rules (SelfSubjectRulesReview) the answer tells the whole cluster from one namespace, and
 * every authorizer can give it. Everybody who is authenticated may ask.
 * @param resource `plural` may name a subresource too: `services/status`
 */
export async function isPermitted(
  client: ApiClient,
  resource: Pick<Resource, "group" | "plural" | "namespace">,
  verbs: readonly Verb[],
  name?: string,
): Promise<Result<boolean, ApiFailure>> {
  const answers = await Promise.all(verbs.map((verb) => inTurn(client, () => ask(client, resource, verb, name))));
  return answers.find((answer) => !answer.ok || !answer.value) ?? succeed(true);
}

async function ask(
  client: ApiClient,
  { group, plural, namespace }: Pick<Resource, "group" | "plural" | "namespace">,
  verb: Verb,
  name: string | undefined,
): Promise<Result<boolean, ApiFailure>> {
  const [resource, subresource] = plural.split("/");
  const resourceAttributes = { verb, group, resource, subresource, namespace, name }; // JSON leaves out what is undefined
  const body = { apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectAccessReview", spec: { resourceAttributes } };
  const path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
  const answer = await client.request({ method: "POST", path, body: JSON.stringify(body) });
  if (!answer.ok) return answer;
  const status = isRecord(answer.value) ? answer.value["status"] : undefined;
  return succeed(isRecord(status) && status["allowed"] === true);
}

type Turns = { free: number; readonly waiting: (() => void)[] }; // BOUNDED by who asks, each of whom waits

const turnsOf = new WeakMap<ApiClient, Turns>();

/** At a start some forty questions come at once. */
async function inTurn<Answer>(client: ApiClient, question: () => Promise<Answer>): Promise<Answer> {
  const turns = turnsOf.get(client) ?? { free: MAX_QUESTIONS, waiting: [] };
  turnsOf.set(client, turns);
  if (turns.free > 0) turns.free -= 1;
  else await new Promise<void>((resolve) => turns.waiting.push(resolve));
  try {
    return await question();
  } finally {
    const next = turns.waiting.shift();
    if (next === undefined) turns.free += 1;
    else next(); // who waited has the turn of the one that ended
  }
}
