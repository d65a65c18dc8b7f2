import { beforeEach, describe, expect, it } from "vitest";
import { createGiveWay, type GiveWay } from "../../../../src/runtime/speaker/give-way.js";

let now: number;
let timers: { at: number; run: () => void }[];
let log: string[];
let giveWay: GiveWay;

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const living = (...ours: readonly string[]) => ({ alive: new Set([...ours, "old"]), ours: new Set(ours) });
const naming =
  (verb: string) =>
  (names: ReadonlySet<string>): void =>
    void log.push(`${now} ${verb} ${[...names].join()}`);

async function passTo(end: number): Promise<void> {
  for (;;) {
    const next = timers.toSorted((a, b) => a.at - b.at)[0];
    if (next === undefined || next.at > end) break;
    timers.splice(timers.indexOf(next), 1);
    now = next.at;
    next.run();
    await settled();
  }
  now = end;
}

/** Waits for all, and notes when it is over. */
async function wait(milliseconds = 1000): Promise<void> {
  void giveWay.byAll(milliseconds).then((all) => log.push(`${now} ${all ? "all" : "not all"}`));
  await settled();
}

beforeEach(() => {
  [now, timers, log] = [0, [], []];
  giveWay = createGiveWay("n1", {
    tell: naming("tells"),
    ask: naming("asks"),
    startTimer(milliseconds, run) {
      const timer = { at: now + milliseconds, run };
      timers.push(timer);
      return () => void (timers = timers.filter((each) => each !== timer));
    },
  });
  giveWay.livingChanged(living("n1"));
});

it("alone it need not wait", async () => {
  await wait();
  expect(log).toEqual(["0 all"]);
});

it("tells who comes, three times, once all that befell is decided on", async () => {
  giveWay.livingChanged(living("n1", "n2"));
  giveWay.livingChanged(living("n1", "n2", "n3"));
  giveWay.decided(1);
  expect(log).toEqual([]);
  giveWay.decided(2);
  await passTo(1000);
  expect(log).toEqual(["0 tells n2,n3", "60 tells n2,n3", "120 tells n2,n3"]);
});

it("says it no more while there is something to decide on", async () => {
  giveWay.livingChanged(living("n1", "n2"));
  giveWay.decided(1);
  giveWay.livingChanged(living("n1", "n2", "n3"));
  await passTo(1000);
  giveWay.decided(2);
  await passTo(2000);
  expect(log).toEqual(["0 tells n2", "1000 tells n2,n3", "1060 tells n2,n3", "1120 tells n3"]);
});

it("answers who asks at once, or once it has decided", async () => {
  giveWay.livingChanged(living("n1", "n2"));
  giveWay.decided(1);
  await passTo(1000);
  giveWay.asked("n2");
  giveWay.asked("n9"); // nobody that lives
  giveWay.livingChanged(living("n1", "n2"));
  giveWay.asked("n2");
  expect(log.slice(3)).toEqual(["1000 tells n2"]);
  giveWay.decided(2);
  expect(log.slice(4)).toEqual(["1000 tells n2"]);
});

describe("found dead among two others", () => {
  beforeEach(async () => {
    giveWay.livingChanged(living("n1", "n2", "n3"));
    giveWay.decided(1);
    for (const name of ["n2", "n3"]) giveWay.gaveWay(name, 1);
    await passTo(1000);
    log = [];
  });

  it("asks until all have given way to what it is since", async () => {
    giveWay.takenForDead(1);
    await wait();
    giveWay.gaveWay("n2", 1); // to what it was before
    expect(giveWay.missing()).toEqual(["n2", "n3"]);
    giveWay.gaveWay("n2", 2);
    await passTo(1070);
    expect(giveWay.missing()).toEqual(["n3"]);
    giveWay.gaveWay("n3", 2);
    await settled();
    await passTo(3000);
    expect(log).toEqual(["1000 asks n2,n3", "1060 asks n3", "1070 all"]);
  });

  it("waits for itself, too", async () => {
    giveWay.livingChanged(living("n1", "n2", "n3"));
    await wait();
    await passTo(1010);
    expect(giveWay.missing()).toEqual(["n1"]);
    giveWay.decided(2);
    await settled();
    expect(log.filter((line) => !line.includes("asks"))).toEqual(["1010 all"]);
  });

  it("waits for nobody who dies meanwhile, and for the others no longer than it is to", async () => {
    giveWay.takenForDead(1);
    await wait(500);
    giveWay.livingChanged(living("n1", "n3"));
    giveWay.decided(2);
    await passTo(3000);
    expect(log.at(-1)).toBe("1500 not all");
    giveWay.livingChanged(living("n1"));
    giveWay.decided(3);
    await wait();
    expect(log.at(-1)).toBe("3000 all");
  });

  it("who came back anew has to say so anew", async () => {
    giveWay.livingChanged(living("n1", "n3"));
    giveWay.livingChanged(living("n1", "n2", "n3"));
    giveWay.decided(3);
    await wait();
    expect(log.at(-1)).toBe("1000 asks n2");
  });

  it("ends with stop()", async () => {
    giveWay.takenForDead(1);
    await wait();
    giveWay.stop();
    await settled();
    expect([log.at(-1), timers]).toEqual(["1000 not all", []]);
  });
});
