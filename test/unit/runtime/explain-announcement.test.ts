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
const ANNOUNCED: AnnounceDecision = {
  ...DECISION,
  layer2: { announce: true, addresses: ["192.0.2.1"], interfaces: [], explanation: "n1 announces it" },
};
const DECISIONS: Readonly<Record<string, AnnounceDecision>> = { "default/web": DECISION, "default/ours": ANNOUNCED };
const speaker = {
  decision: (key: string) => DECISIONS[key],
  answeredElsewhere: () => [
    { address: "192.0.2.1", machine: "02:00:00:00:00:09" },
    { address: "192.0.2.2", machine: "02:00:00:00:00:09" },
  ],
};
const ask = (query: string) => explainAnnouncement("n1", speaker, new URLSearchParams(query));

it("says what this node decided about a Service, and why", () => {
  expect(ask("service=default%2Fweb")).toEqual({
    status: 200,
    body: { node: "n1", service: "default/web", ...DECISION, answeredElsewhere: [] },
  });
});

it("says which other machines answer for what it announces", () => {
  expect(ask("service=default/ours").body).toMatchObject({
    layer2: { announce: true },
    answeredElsewhere: [{ address: "192.0.2.1", machine: "02:00:00:00:00:09" }],
  });
});

it.each([
  { query: "service=default/gone", status: 404, problem: /Service default\/gone: it is not there/ },
  { query: "service=web", status: 400, problem: /"web": it is no Service: ask for \?service=NAMESPACE\/NAME/ },
  { query: "", status: 400, problem: /ask for \?service=/ },
])("answers $status to ?$query", ({ query, status, problem }) => {
  expect(ask(query)).toMatchObject({ status, body: { problem: expect.stringMatching(problem) } });
});
