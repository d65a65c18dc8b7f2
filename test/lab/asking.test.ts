import { afterAll, beforeAll, expect, it } from "vitest";
import { createLedger } from "../failover/ledger.js";
import { createLab, encodeArpRequest, startAsking, until, type Lab } from "./index.js";

const NOBODY = "10.77.9.9";
const FIRST_SENDER = "10.77.255.0";
let lab: Lab;
beforeAll(async () => {
  lab = await createLab({ nodes: 2 });
});
afterAll(() => lab?.close());

it("records each request with the machine that answers it, and who claims an address", async () => {
  const [n1, n2] = [lab.node("n1"), lab.node("n2")];
  const startedAt = Date.now();
  const asking = await startAsking(lab.client, lab.folder, {
    addresses: [n1.ipv4, n2.ipv4, NOBODY],
    periodMs: 5,
    firstSender: FIRST_SENDER,
  });
  await n2.send([encodeArpRequest(n2.mac, NOBODY, NOBODY)]); // a gratuitous one: it asks for its own sender
  const ledger = createLedger();
  await until(
    async () => {
      ledger.add(await asking.take());
      return ledger.claims().length > 0 && (ledger.requests().get(NOBODY)?.length ?? 0) > 300;
    },
    { what: "a claim, and more than 256 rounds" },
  );
  ledger.add(await asking.stop());
  const answersTo = (address: string) =>
    new Set(
      (ledger.requests().get(address) ?? [])
        .filter(({ at }) => at < ledger.until() - 1000)
        .map(({ answers }) => answers.map(({ mac }) => mac).join()),
    );
  expect([answersTo(n1.ipv4), answersTo(n2.ipv4), answersTo(NOBODY)]).toEqual([
    new Set([n1.mac]),
    new Set([n2.mac]),
    new Set([""]),
  ]);
  expect(ledger.claims()).toMatchObject([{ address: NOBODY, mac: n2.mac }]);
  expect(ledger.strays()).toBe(0);
  const requests = [...ledger.requests().values()].flat();
  const times = [...requests, ...requests.flatMap(({ answers }) => answers)].map(({ at }) => at);
  expect(times.every((at) => at >= startedAt - 1 && at <= Date.now() + 1)).toBe(true);
});

it("knows the request that an answer is for when others were asked since", async () => {
  const [n1] = lab.nodes;
  const asking = await startAsking(lab.client, lab.folder, {
    addresses: [NOBODY],
    periodMs: 20,
    firstSender: FIRST_SENDER,
  });
  const ledger = createLedger();
  const requests = () => ledger.requests().get(NOBODY) ?? [];
  const look = async (): Promise<void> => ledger.add(await asking.take());
  await until(async () => (await look(), requests().length > 10), { what: "ten rounds" });
  const late = encodeArpRequest(n1?.mac ?? "", NOBODY, "10.77.255.3"); // round 3
  late[21] = 2; // a reply
  late.set(Buffer.from(lab.client.mac.replaceAll(":", ""), "hex"), 32);
  late.set(late.subarray(32, 38), 0);
  await n1?.send([late]);
  await until(async () => (await look(), requests().some(({ answers }) => answers.length > 0)), { what: "the answer" });
  await asking.stop();
  expect(requests().flatMap(({ answers }, round) => (answers.length > 0 ? [round] : []))).toEqual([3]);
});

it("switches a node off and on: it is gone, and then as new", async () => {
  const n2 = lab.node("n2");
  const sleeper = n2.spawn(["sleep", "1000"]);
  await n2.exec(["ip", "address", "add", "10.77.8.8/32", "dev", "lo"]);
  await lab.powerOff(n2);
  expect(await sleeper.ended).toMatchObject({ signal: "SIGKILL" });
  expect([...(await lab.client.whoHas([n2.ipv4])).values()]).toEqual([[]]);
  await lab.powerOn(n2);
  expect([...(await lab.client.whoHas([n2.ipv4])).values()]).toEqual([[n2.mac]]);
  expect(await n2.exec(["ip", "-4", "address", "show", "dev", "lo"])).not.toContain("10.77.8.8");
});
