import { afterAll, beforeAll, expect, it } from "vitest";
import { startLibraryMember, startOurMembers, type GossipMember } from "./gossip.js";
import { createLab, until, type Lab } from "./index.js";

const KEYS = [`${Buffer.from("0123456789abcdefghijkl").toString("hex")}e3b0c44298fc1c149afb`];

let lab: Lab;
beforeAll(async () => {
  lab = await createLab({ nodes: 4 });
});
afterAll(() => lab.close());

type Ours = Awaited<ReturnType<typeof startOurs>>;

async function startOurs(name: string) {
  const host = lab.node(name);
  const process = await startOurMembers(host, lab.folder);
  return { process, member: await process.start({ name, address: host.ipv4, heartbeats: true, keys: KEYS }) };
}

/** Waits until a member has said so, after so many lines. */
async function untilSaid(member: GossipMember, what: string, since = 0): Promise<void> {
  const isSaid = (): boolean => member.said().includes(what, since);
  await until(isSaid, { what: `${member.name} to say ${what}`, deadlineMs: 60_000, everyMs: 20 });
}

const untilAllKnow = async (members: readonly GossipMember[], count: number): Promise<void> => {
  for (const member of members) {
    const isComplete = async (): Promise<boolean> => (await member.members()).length === count;
    await until(isComplete, { what: `${member.name} to know ${count}`, deadlineMs: 60_000, everyMs: 20 });
  }
};

const failures = (member: GossipMember): readonly string[] => member.said().filter((said) => said.startsWith("failed"));

it("who is killed is found before a member of a release is that was killed first; who was stopped accuses nobody", async () => {
  const [first, second, third] = [await startOurs("n1"), await startOurs("n2"), await startOurs("n3")];
  const host = lab.node("n4");
  const old = await startLibraryMember(host, "memberlist", { name: "n4", address: host.ipv4, keys: KEYS });
  const [n1, n2, n3] = [first.member, second.member, third.member];
  await n1.join(n2, n3, old);
  await untilAllKnow([n1, n2, n3, old], 4);

  first.process.signal("SIGSTOP");
  await untilSaid(n2, "failed n1");
  await untilSaid(n3, "failed n1");
  await untilSaid(old, "left n1"); // its word for it
  first.process.signal("SIGCONT");
  await untilSaid(n2, "joined n1", n2.said().indexOf("failed n1"));
  await untilAllKnow([n1, n2, n3, old], 4);
  expect(failures(n1)).toEqual([]);
  for (const { member } of [second, third]) expect(failures(member)).toEqual(["failed n1"]);

  await old.kill();
  third.process.signal("SIGKILL");
  for (const member of [n1, n2]) {
    await untilSaid(member, "failed n3");
    expect(failures(member).find((said) => said !== "failed n1")).toBe("failed n3");
  }
  await Promise.all([first, second, third].map(({ process }) => process.end()));
});

it("who was cut off is found again by himself, though nobody joins anybody", async () => {
  const all = [await startOurs("n1"), await startOurs("n2"), await startOurs("n3")];
  const [first, second, third] = all as [Ours, Ours, Ours];
  const [n1, n2, n3] = [first.member, second.member, third.member];
  await n1.join(n2, n3);
  await untilAllKnow([n1, n2, n3], 3);
  const route = async (what: "add" | "del"): Promise<void> => {
    for (const { address } of [n2, n3]) await lab.node("n1").exec(["ip", "route", what, "blackhole", address]);
  };
  await route("add");
  await untilAllKnow([n1], 1);
  await untilAllKnow([n2, n3], 2);
  await route("del");
  await untilAllKnow([n1, n2, n3], 3);
  await Promise.all(all.map(({ process }) => process.end()));
});
