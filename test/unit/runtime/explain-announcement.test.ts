import { expect, it } from "vitest";
import { explainAnnouncement } from "../../../src/runtime/explain-announcement.js";
import type { AnnounceDecision } from "../../../src/runtime/announce/decision.js";

const DECISION: AnnounceDecision = {
  layer2: {
    announce: false,
    reason: "notOwner",
    winner: "n2",
    explanation: "n2 announces it, chosen from 3 candidates",
  },
  bgp: { announce: true, routes: [], explanation: "sent" },
};
const speaker = { decision: (key: string) => (key === "default/web" ? DECISION : undefined) };
const ask = (query: string) => explainAnnouncement("n1", speaker, new URLSearchParams(query));

it("says what this node decided about a Service, and why", () => {
  expect(ask("service=default%2Fweb")).toEqual({
    status: 200,
    body: { node: "n1", service: "default/web", ...DECISION },
  });
});

it.each([
  { query: "service=default/gone", status: 404, problem: /Service default\/gone: it is not there/ },
  { query: "service=web", status: 400, problem: /"web": it is no Service: ask for \?service=NAMESPACE\/NAME/ },
  { query: "", status: 400, problem: /ask for \?service=/ },
])("answers $status to ?$query", ({ query, status, problem }) => {
  expect(ask(query)).toMatchObject({ status, body: { problem: expect.stringMatching(problem) } });
});
