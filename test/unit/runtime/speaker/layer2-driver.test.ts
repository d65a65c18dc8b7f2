import { once } from "node:events";
import { MessageChannel } from "node:worker_threads";
import { afterEach, expect, it } from "vitest";
import type { Layer2Error } from "../../../../src/runtime/layer2/messages.js";
import { deriveKeyRing } from "../../../../src/runtime/membership/keys.js";
import { LAN_PARAMETERS } from "../../../../src/runtime/membership/parameters.js";
import { startLayer2, type Layer2Driver } from "../../../../src/runtime/speaker/layer2-driver.js";

// What the real worker does is in test/lab/layer2.test.ts. Here are threads that fail in ways that it should not.

/** A worker that says what it was told, by way of its list of interfaces: `told` names them. */
function workerThat(onMessage: string): URL {
  const program = `
    import { parentPort, workerData, threadId } from "node:worker_threads";
    const log = [];
    const tell = () => parentPort.postMessage({ type: "interfaces", interfaces: [...log] });
    const done = ({ id }) => parentPort.postMessage({ type: "done", id });
    tell();
    parentPort.on("message", (message) => {
      const { type, changes } = message;
      if (changes !== undefined) {
        log.push([type, [...changes.keys], [...changes.scopes], changes.interfaceSets]);
        if (changes.probes.includes(1)) log.push(["probes", [...changes.probes]]);
      }
      if (type === "fleetChanged") log.push([type]);
      if (type === "stop") return parentPort.close();
      ${onMessage}
    });`;
  return new URL(`data:text/javascript,${encodeURIComponent(program)}`);
}

/** An IPv4 address as it goes to the thread. */
const v4 = (key: number): number[] => [0, 0, 0xffff, key];

const policy = { conflicts: "report", refreshMilliseconds: 0 } as const;
let driver: Layer2Driver | undefined;
afterEach(() => driver?.stop());

function start(
  workerUrl: URL,
  mayAnswer: () => Promise<void> = async () => {},
): { driver: Layer2Driver; errors: Layer2Error[]; told: unknown[] } {
  const [errors, told]: [Layer2Error[], unknown[]] = [[], []];
  const onInterfaces = (interfaces: readonly unknown[]): void => void told.splice(0, Infinity, ...interfaces);
  const onError = (error: Layer2Error): void => void errors.push(error);
  driver = startLayer2({ workerUrl, excludes: [], policy, onError, onInterfaces, mayAnswer });
  return { driver, errors, told };
}

it("makes one message of all changes of one turn, in their order", async () => {
  const { driver, told } = start(workerThat("tell(); done(message);"));
  await Promise.all([
    driver.announce("0.0.0.1", []),
    driver.announce("0.0.0.2", ["eth0"]),
    driver.withdraw("0.0.0.1"),
    driver.announce("0.0.0.3", ["eth0"]),
  ]);
  await driver.announce("0.0.0.4", []);
  expect(told).toEqual([
    ["change", [...v4(1), ...v4(2), ...v4(1), ...v4(3)], [0, 1, -1, 1], [["eth0"]]],
    ["change", v4(4), [0], []],
  ]);
});

it("tells of the first hundred of many changes before the turn is over", async () => {
  const { driver, told } = start(workerThat("tell(); done(message);"));
  await driver.scan();
  const all = Array.from({ length: 250 }, (_, index) => driver.announce(`0.0.0.${index}`, []));
  await Promise.all(all);
  const lengths = (told as [string, number[]][]).map(([type, keys]) => `${type} ${keys.length / 4}`);
  expect(lengths).toEqual(["change 100", "change 100", "change 50"]);
});

it("passes on which addresses are to be probed for, and that the fleet has changed", async () => {
  const { driver, told } = start(workerThat("tell(); done(message);"));
  await Promise.all([driver.announce("0.0.0.1", []), driver.announce("0.0.0.2", [], true)]);
  driver.fleetChanged();
  await driver.scan();
  expect(told.slice(1)).toEqual([["probes", [0, 1]], ["fleetChanged"]]);
});

it("setAll() names what is to be announced, and nothing that was meant before", async () => {
  const { driver, told } = start(workerThat("tell(); done(message);"));
  const before = driver.announce("0.0.0.1", []);
  await Promise.all([driver.setAll(new Map([["0.0.0.2", []]])), before]);
  expect(told.filter((message) => (message as unknown[][])[1]?.length !== 0)).toEqual([["replace", v4(2), [0], []]]);
});

it("a thread that ends is started again with all that is announced, and who waits is answered then", async () => {
  // Ends at the first change, and takes a whole list.
  const { driver, errors, told } = start(
    workerThat(`if (type === "change") throw new Error("out of order"); tell(); done(message);`),
  );
  await Promise.all([driver.announce("0.0.0.1", []), driver.announce("0.0.0.2", ["eth0"])]);
  expect(told).toEqual([["replace", [...v4(1), ...v4(2)], [0, 1], [["eth0"]]]]);
  expect(errors).toMatchObject([{ code: "ERR_LAYER2_THREAD", message: expect.stringContaining("out of order") }]);
  expect(await driver.counters().then(({ restarts }) => restarts, String)).toBe(1);
});

it("a thread that is started again is told of nothing before it may answer, then of all", async () => {
  let [allow, asked] = [(): void => {}, (): void => {}];
  const isAsked = new Promise<void>((resolve) => (asked = resolve));
  const mayAnswer = (): Promise<void> => {
    asked();
    return new Promise((resolve) => (allow = resolve));
  };
  const { driver, told } = start(
    workerThat(`if (type === "change") throw new Error("out of order"); tell(); done(message);`),
    mayAnswer,
  );
  const first = driver.announce("0.0.0.1", []);
  await isAsked;
  const second = driver.announce("0.0.0.2", []);
  await driver.scan(); // which is answered after whatever was sent before
  expect(told).toEqual([]);
  allow();
  await Promise.all([first, second]);
  expect(told).toEqual([["replace", [...v4(1), ...v4(2)], [0, 0], []]]);
});

it("counters() of a thread that ends is empty, and does not wait", async () => {
  const { driver } = start(workerThat(`if (type === "counters") process.exit(3);`));
  expect(await driver.counters()).toEqual({ addresses: new Map(), interfaces: [], restarts: 0, stalls: 0 });
});

it("a thread that cannot work at all is not started again; nobody waits for it", async () => {
  const program = `
    import { parentPort } from "node:worker_threads";
    const error = { interface: undefined, code: "ERR_NATIVE_PART_MISSING", message: "Cannot load" };
    parentPort.postMessage({ type: "failed", error });
    parentPort.on("message", ({ type }) => { if (type === "stop") parentPort.close(); });
    setImmediate(() => parentPort.close());`;
  const { driver, errors } = start(new URL(`data:text/javascript,${encodeURIComponent(program)}`));
  const early = driver.announce("0.0.0.9", []);
  await expect(driver.ready).rejects.toThrow("Cannot load");
  await early;
  await driver.announce("0.0.0.1", []);
  expect(errors).toHaveLength(1);
});

it("both families go to the thread; what is no address is told about, and left out", async () => {
  const { driver, errors, told } = start(workerThat("tell(); done(message);"));
  await driver.announce("2001:db8::x", []);
  await Promise.all([driver.announce("0.0.0.1", []), driver.announce("2001:db8::1", [])]);
  expect(errors).toMatchObject([{ code: "ERR_NOT_AN_ADDRESS", message: expect.stringContaining("2001:db8::x") }]);
  expect(told).toEqual([["change", [...v4(1), 0x20010db8, 0, 0, 1], [0, 0], []]]);
});

it("stop() releases who waits, and is final", async () => {
  const heard = new Promise<void>((resolve) => {
    const onInterfaces = (told: readonly unknown[]): void => (told.length > 0 ? resolve() : undefined);
    driver = startLayer2({ workerUrl: workerThat("tell();"), excludes: [], policy, onError: () => {}, onInterfaces });
  });
  const waiting = driver?.announce("0.0.0.1", []);
  await heard;
  await driver?.stop();
  await Promise.all([waiting, driver?.stop(), driver?.announce("0.0.0.2", []), driver?.setAll(new Map())]);
  expect(await driver?.counters()).toMatchObject({ interfaces: [] });
});

it("startMembership() moves the port to the thread, key and all; it is closed once the thread has ended", async () => {
  const thread = workerThat(`if (type === "membership") {
    message.port.postMessage(message.options.keys[0].symmetricKeySize);
    parentPort.close();
  }`);
  const { driver } = start(thread);
  const options = { name: "n1", bindAddress: "10.0.0.1", port: 7946, parameters: LAN_PARAMETERS };
  const keys = deriveKeyRing(new TextEncoder().encode("secret"), "new");
  const { port1, port2 } = new MessageChannel();
  const closed = once(port1, "close");
  const answer = once(port1, "message");
  driver.startMembership({ type: "membership", port: port2, options: { ...options, keys } });
  expect(await answer).toEqual([32]);
  await closed;
  await driver.stop();
  const { port1: late, port2: unused } = new MessageChannel();
  const closedLate = once(late, "close");
  driver.startMembership({ type: "membership", port: unused, options: { ...options, keys } });
  await closedLate;
});
