import { expect, it } from "vitest";
import { objectKey, type ServiceView } from "../../../../src/runtime/world/views.js";
import { createRefusedRequestNews } from "../../../../src/runtime/speaker/refused-requests.js";
import { served } from "../announce/fixtures.js";

const { service } = served();

function begin(node: string) {
  const [events, logged, gauged]: [string[], string[], number[]] = [[], [], []];
  const ignore = (): void => {};
  const news = createRefusedRequestNews(node, {
    log: {
      debug: ignore,
      info: ignore,
      warn: (_, message) => void logged.push(message),
      error: ignore,
    },
    recordEvent: ({ name }: ServiceView, { type, reason, message }) =>
      void events.push(`${name} ${type} ${reason} ${message}`),
    gauge: (services) => void gauged.push(services),
  });
  return { news, events, logged, gauged };
}

it("tells once by Event and log, and anew when it is something else", () => {
  const { news, events, logged, gauged } = begin("n1");
  for (const problem of ["a", "a", "b"]) news.look(service, { problem, toldBy: "n1" });
  const told = ["web Warning bgpRequestRefused a", "web Warning bgpRequestRefused b"];
  expect([events, logged, gauged]).toEqual([told, ["a", "b"], [1]]);
  news.look(service, undefined);
  news.look(service, { problem: "b", toldBy: "n1" });
  expect([events.length, gauged]).toEqual([3, [1, 0, 1]]);
  news.forget(objectKey(service));
  news.forget(objectKey(service));
  expect(gauged).toEqual([1, 0, 1, 0]);
});

it("leaves it to the node that is to tell, and tells when that becomes this one", () => {
  const { news, events, gauged } = begin("n2");
  news.look(service, { problem: "a", toldBy: "n1" });
  expect([events, gauged]).toEqual([[], [1]]);
  news.look(service, { problem: "a", toldBy: "n2" });
  expect(events).toEqual(["web Warning bgpRequestRefused a"]);
});
