import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createLab, type Lab } from "./lab.js";
import type { LabProcess } from "./process.js";
import { until } from "./until.js";

let lab: Lab;
beforeAll(async () => {
  lab = await createLab({ nodes: 1 });
});
afterAll(() => lab.close());

const shell = (script: string, options = {}): LabProcess => lab.client.spawn(["sh", "-c", script], options);

it("exec() returns stdout, takes input, and rejects with stderr", async () => {
  expect(await lab.client.exec(["cat"], "hello")).toBe("hello");
  const failed = lab.client.exec(["sh", "-c", "echo so it is >&2; exit 4"]);
  await expect(failed).rejects.toThrow(/exit code 4\nso it is/);
  expect(await lab.client.attempt(["sh", "-c", "echo out; exit 4"])).toEqual({ stdout: "out\n", stderr: "", code: 4 });
  await expect(lab.client.exec(["no-such-program"])).rejects.toThrow(/no-such-program.*No such file/s);
});

it("waitForOutput() finds what is there, what comes, and only what comes after a mark", async () => {
  const process = shell("echo one; read line; echo two", { env: { HELLO: "x" } });
  expect((await process.waitForOutput(/o(n)e/))[1]).toBe("n");
  const mark = process.mark();
  expect(await process.ended).toEqual({ code: 0, signal: null });
  expect((await process.waitForOutput("two"))[0]).toBe("two");
  await expect(process.waitForOutput("one", { since: mark })).rejects.toThrow("ended with exit code 0 and never wrote");
});

it("waitForOutput() fails with the output when the process ends, and at its deadline", async () => {
  const ended = shell("echo good bye >&2; exit 3");
  await expect(ended.waitForOutput("hello")).rejects.toThrow(
    /sh on client ended with exit code 3 and never wrote \/hello\/; its output ends with:\ngood bye/,
  );
  const running = shell("echo still here; exec sleep 3600");
  await running.waitForOutput("still here");
  await expect(running.waitForOutput("hello", { deadlineMs: 50 })).rejects.toThrow(
    /Waited 50 ms in vain for sh on client to write \/hello\/; its output ends with:\nstill here/,
  );
  await running.kill();
  expect(ended.output("stderr")).toBe("good bye\n");
  expect(ended.output("stdout")).toBe("");
});

it("a program that is not there ends with 127 and says so", async () => {
  const process = lab.client.spawn(["no-such-program"]);
  expect(await process.ended).toEqual({ code: 127, signal: null });
  expect(process.output()).toContain("no-such-program: No such file or directory");
});

it("stop() and continue() hold a process and let it go on", async () => {
  const process = shell("while :; do echo tick; sleep 0.01; done");
  await process.waitForOutput("tick");
  const state = async (): Promise<string> =>
    (await lab.client.exec(["cat", `/proc/${process.pid}/stat`])).split(" ")[2] ?? "";
  process.stop();
  await until(async () => (await state()) === "T", { what: "the process to be stopped" });
  const mark = process.mark();
  process.continue();
  await process.waitForOutput("tick", { since: mark + 5 }); // the last one before the stop may be on its way
  await process.kill();
});

it("kill() and terminate() end a process", async () => {
  expect(await shell("exec sleep 3600").kill()).toEqual({ code: null, signal: "SIGKILL" });
  const polite = shell("trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.01; done");
  await polite.waitForOutput("ready");
  expect(await polite.terminate()).toEqual({ code: 0, signal: null });
  expect(polite.running()).toBe(false);
  const stubborn = shell("trap '' TERM; echo ready; while :; do sleep 0.01; done");
  await stubborn.waitForOutput("ready");
  await expect(stubborn.terminate({ deadlineMs: 100 })).rejects.toThrow(
    "Waited 100 ms in vain for sh on client to end",
  );
  expect(await stubborn.ended).toEqual({ code: null, signal: "SIGKILL" });
});

it("spawn() runs in the host's namespace, as the user and with the capabilities that it is told", async () => {
  const facts = "echo $(id -u) $(sed -n 's/^CapEff:.//p' /proc/self/status) $(ls /sys/class/net)";
  const run = async (options = {}): Promise<string> => {
    const process = shell(facts, options);
    await process.ended;
    return process.output().trim();
  };
  expect(await run()).toMatch(/^0 0*[1-9a-f][0-9a-f]+ eth0 lo$/);
  expect(await run({ privileges: { uid: 0, capabilities: ["net_raw"] } })).toBe("0 0000000000002000 eth0 lo");
  expect(await run({ privileges: { uid: 65534, capabilities: [] } })).toBe("65534 0000000000000000 eth0 lo");
  expect(await run({ privileges: { uid: 65534, capabilities: ["net_raw"] } })).toBe("65534 0000000000002000 eth0 lo");
});

it("spawn() keeps a process from writing anywhere, and nobody else, where it is told to", async () => {
  const places = [tmpdir(), process.cwd()];
  const facts = `echo $$; ${places.map((place) => `touch ${place}/smelter-written && echo wrote`).join("; ")}; echo done > /dev/null`;
  const readOnly = shell(facts, { readOnlyRoot: true });
  await readOnly.ended;
  expect(readOnly.output("stdout").trim()).toBe(`${readOnly.pid}`); // the pid is the program's own
  expect(readOnly.output("stderr").match(/Read-only file system/g)).toHaveLength(places.length);
  await mkdtemp(join(tmpdir(), "smelter-")).then((folder) => rm(folder, { recursive: true }));
});

it("usage() says what a process costs", async () => {
  const process = shell("i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done; echo done; exec sleep 3600");
  await process.waitForOutput("done");
  const { rssMiB, peakRssMiB, cpuMs, threads } = process.usage();
  expect(rssMiB).toBeGreaterThan(0);
  expect(peakRssMiB).toBeGreaterThanOrEqual(rssMiB);
  expect(cpuMs).toBeGreaterThan(0);
  expect(threads).toBe(1);
  await process.kill();
});
