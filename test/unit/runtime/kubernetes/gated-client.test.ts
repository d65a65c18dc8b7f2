import { expect, it } from "vitest";
import type { ApiCall, ApiClient } from "../../../../src/runtime/kubernetes/api-client.js";
import { gateWrites } from "../../../../src/runtime/kubernetes/gated-client.js";
import { succeed } from "../../../../src/runtime/net/result.js";

const REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

it.each([
  { name: "reads", call: { method: "GET", path: "/api/v1/services" }, closed: true },
  { name: "asks what is permitted", call: { method: "POST", path: REVIEW, body: "{}" }, closed: true },
  { name: "does not create", call: { method: "POST", path: "/api/v1/namespaces/x/events" }, closed: false },
  { name: "does not update", call: { method: "PUT", path: "/api/v1/namespaces/x/services/y/status" }, closed: false },
  { name: "does not patch", call: { method: "PATCH", path: "/api/v1/namespaces/x/events/y" }, closed: false },
  { name: "does not delete", call: { method: "DELETE", path: "/api/v1/namespaces/x/events/y" }, closed: false },
] as const)("$name while the gate is closed, and does all when it is open", async ({ call, closed }) => {
  let mayWrite = false;
  const sent: ApiCall[] = [];
  const send = async (call: ApiCall) => {
    sent.push(call);
    return succeed("done");
  };
  const client = gateWrites({ request: send, requestText: send } as unknown as ApiClient, () => mayWrite);
  for (const answer of [await client.request(call), await client.requestText(call)]) {
    expect(answer).toMatchObject(closed ? { ok: true } : { ok: false, fault: { kind: "cancelled" } });
  }
  expect(sent).toHaveLength(closed ? 2 : 0);
  mayWrite = true;
  expect([await client.request(call), await client.requestText(call)]).toEqual([succeed("done"), succeed("done")]);
});
