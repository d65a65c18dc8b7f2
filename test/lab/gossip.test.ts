import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startLibraryMember, startOurMembers, type GossipMember, type Library, type OurMembers } from "./gossip.js";
import { createLab, until, type Lab } from "./index.js";

const OLD_KEY = Buffer.from("0123456789abcdef").toString("hex");
const NEW_KEY = `${Buffer.from("0123456789abcdefghijkl").toString("hex")}e3b0c44298fc1c149afb`;
const LIBRARIES: readonly Library[] = ["memberlist", "memberlist-v0.1"];

let lab: Lab;
beforeAll(async () => {
  lab = await createLab({ nodes: 4 });
});
afterAll(() => lab.close());

const started: GossipMember[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((member) => member.kill().catch(() => undefined)));
});
const track = <Member extends GossipMember>(member: Member): Member => {
  started.push(member);
  return member;
};

/** Waits until each of these knows exactly all of them, with what they say of themselves. */
async function untilAgreed(members: readonly GossipMember[], metadata = ""): Promise<void> {
  const expected = members.map(({ name }) => `${name}=${metadata}`).toSorted();
  const agreed = async (member: GossipMember) => {
    const known = (await member.members()).join();
    if (known !== expected.join()) throw new Error(`it knows ${known}; it said ${member.said().join()}`);
    return true;
  };
  await Promise.all(
    members.map((member) =>
      until(() => agreed(member), {
        what: `${member.name} to know ${expected.join()}`,
        deadlineMs: 60_000,
        everyMs: 50,
      }),
    ),
  );
}

const failures = (members: readonly GossipMember[]): readonly string[] =>
  members.flatMap((member) => member.said().filter((said) => /^(failed|left)/.test(said)));

describe("on one host", () => {
  let ours: OurMembers;
  let [round, next] = [0, 1];
  /** Each member has an address of its own on the loopback interface of n1, and none comes twice. */
  const address = (): string => `127.0.${round}.${next++}`;
  const n1 = () => lab.node("n1");
  const startOurs = async (name: string, keys: readonly string[] = [], metadata = "") =>
    track(await ours.start({ name, address: address(), keys, metadata }));
  const startLibrary = async (library: Library, name: string, keys: readonly string[] = [], metadata = "") =>
    track(await startLibraryMember(n1(), library, { name, address: address(), keys, metadata }));

  beforeAll(async () => {
    ours = await startOurMembers(n1(), lab.folder);
  });
  afterAll(() => ours.end());
  beforeEach(() => void ([round, next] = [round + 1, 1]));

  it.each(
    LIBRARIES.flatMap((library) => [
      { library, keyed: "in clear", theirs: [], own: [] },
      { library, keyed: "with the key of old", theirs: [OLD_KEY], own: [OLD_KEY, NEW_KEY] },
      { library, keyed: "with the new key, which is not our primary", theirs: [NEW_KEY], own: [OLD_KEY, NEW_KEY] },
      { library, keyed: "with both keys", theirs: [NEW_KEY, OLD_KEY], own: [OLD_KEY, NEW_KEY] },
    ]),
  )(
    "joins $library and is joined by it $keyed; each hears what the other says, and its farewell",
    async ({ library, theirs, own }) => {
      const [first, second] = [await startOurs("ours1", own, "a"), await startLibrary(library, "theirs1", theirs, "a")];
      await first.join(second);
      const third = await startLibrary(library, "theirs2", theirs, "a");
      await third.join(first);
      const all = [first, second, third];
      await untilAgreed(all, "a");
      for (const member of all) await member.setMetadata("b");
      await untilAgreed(all, "b");
      // Long enough for each to probe each other a few times.
      const sent = (await first.counters()).packetsReceived;
      await until(async () => (await first.counters()).packetsReceived > sent + 8, {
        what: "probes",
        deadlineMs: 30_000,
      });
      expect(failures(all)).toEqual([]);
      expect((await first.counters()).healthScore).toBe(0);

      await third.leave();
      await until(() => first.said().includes("left theirs2"), { what: "the library's farewell" });
      await first.leave();
      await until(() => second.said().includes("left ours1"), { what: "our farewell" });
      expect(failures([first]).toSorted()).toEqual(["left ours1", "left theirs2"]);
      expect(await second.members()).toEqual(["theirs1=b"]);
    },
  );

  it("agrees with ten members of the library and nine of its own, all joining at once", async () => {
    const keys = [NEW_KEY];
    const members: GossipMember[] = [];
    for (let index = 0; index < 5; index += 1) {
      members.push(await startOurs(`ours${index}`, [NEW_KEY, OLD_KEY]), await startOurs(`ours${index}b`, keys));
      for (const library of LIBRARIES) members.push(await startLibrary(library, `${library}${index}`, keys));
    }
    const [first] = members as [GossipMember];
    await Promise.all(members.slice(1).map((member) => member.join(first)));
    await untilAgreed(members);
    expect(failures(members)).toEqual([]);
    // Whoever goes without a word is found out by all.
    const [, second, , third] = members as [GossipMember, GossipMember, GossipMember, GossipMember];
    await Promise.all([second.kill(), third.kill()]);
    await untilAgreed(members.filter((member) => member !== second && member !== third));
  });

  it("joins speakers of both generations, which cannot hear each other, into one fleet", async () => {
    const bridge = await startOurs("ours1", [NEW_KEY, OLD_KEY]);
    const other = await startOurs("ours2", [NEW_KEY, OLD_KEY]);
    const old = [
      await startLibrary("memberlist-v0.1", "old1", [OLD_KEY]),
      await startLibrary("memberlist-v0.1", "old2", [OLD_KEY]),
    ];
    const young = [
      await startLibrary("memberlist", "new1", [NEW_KEY]),
      await startLibrary("memberlist", "new2", [NEW_KEY]),
    ];
    await bridge.join(...old, ...young, other);
    const all = [bridge, other, ...old, ...young];
    await untilAgreed(all);
    // Old ones reach new ones through ours, round after round.
    const before = (await bridge.counters()).packetsReceived;
    await until(async () => (await bridge.counters()).packetsReceived > before + 30, {
      what: "rounds of probes",
      deadlineMs: 60_000,
    });
    expect(failures(all)).toEqual([]);
  });

  it.each(LIBRARIES)("keys change under way without a member of %s being lost", async (library) => {
    const [first, second] = [await startOurs("ours1", [OLD_KEY]), await startLibrary(library, "theirs1", [OLD_KEY])];
    const third = await startOurs("ours2", [OLD_KEY]);
    const all = [first, second, third];
    await first.join(second);
    await third.join(first);
    await untilAgreed(all);
    for (const member of all) await member.addKey(NEW_KEY);
    for (const member of all) await member.useKey(NEW_KEY);
    for (const member of all) await member.removeKey(OLD_KEY);
    for (const member of all) await member.setMetadata("after");
    await untilAgreed(all, "after");
    const before = (await first.counters()).packetsReceived;
    await until(async () => (await first.counters()).packetsReceived > before + 10, {
      what: "probes",
      deadlineMs: 30_000,
    });
    expect(failures(all)).toEqual([]);
  });

  it("neither hears nor is heard by who has another key, or none", async () => {
    const [first, stranger] = [
      await startOurs("ours1", [NEW_KEY]),
      await startLibrary("memberlist", "stranger", [OLD_KEY]),
    ];
    await expect(first.join(stranger)).rejects.toThrow("did not reach");
    await expect(stranger.join(first)).rejects.toThrow("Cannot join");
    const open = await startLibrary("memberlist", "open");
    await expect(first.join(open)).rejects.toThrow("did not reach");
    await expect(open.join(first)).rejects.toThrow("Cannot join");
    expect(await first.members()).toEqual(["ours1="]);
    expect((await first.counters()).dropped).toEqual({ key: 2, notEncrypted: 2 });
  });
});

it("two halves that are cut off from each other go on, and are one again once one member joins another", async () => {
  const [n1, n2, n3, n4] = lab.nodes as [
    Lab["nodes"][number],
    Lab["nodes"][number],
    Lab["nodes"][number],
    Lab["nodes"][number],
  ];
  const keys = [NEW_KEY];
  const processes = [await startOurMembers(n2, lab.folder), await startOurMembers(n4, lab.folder)] as const;
  const members = [
    track(await startLibraryMember(n1, "memberlist", { name: "n1", address: n1.ipv4, keys })),
    track(await processes[0].start({ name: "n2", address: n2.ipv4, keys })),
    track(await startLibraryMember(n3, "memberlist-v0.1", { name: "n3", address: n3.ipv4, keys })),
    track(await processes[1].start({ name: "n4", address: n4.ipv4, keys })),
  ] as const;
  await members[0].join(members[1], members[2], members[3]);
  await untilAgreed(members);
  const halves = [
    [n1, n2],
    [n3, n4],
  ] as const;
  const route = async (what: "add" | "del"): Promise<void> => {
    for (const [mine, others] of [halves, halves.toReversed()] as const) {
      for (const host of mine) for (const { ipv4 } of others) await host.exec(["ip", "route", what, "blackhole", ipv4]);
    }
  };
  await route("add");
  await Promise.all([untilAgreed(members.slice(0, 2)), untilAgreed(members.slice(2))]);
  await route("del");
  await members[1].join(members[2]);
  await untilAgreed(members);
  await Promise.all(processes.map((ours) => ours.end()));
});
