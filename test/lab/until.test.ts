import { expect, it } from "vitest";
import { until, within } from "./until.js";

it("until() returns the first value that is there", async () => {
  let looks = 0;
  expect(await until(() => ((looks += 1) < 3 ? undefined : "there"), { what: "it", everyMs: 1 })).toBe("there");
  expect(await until(() => 0, { what: "a number" })).toBe(0);
  expect(looks).toBe(3);
});

it("until() names what it waited for, and the last error", async () => {
  const never = until(() => false, { what: "rain", deadlineMs: 5, everyMs: 1 });
  await expect(never).rejects.toThrow(/^Waited 5 ms in vain for rain$/);
  const broken = until(() => Promise.reject(new Error("no clouds")), { what: "rain", deadlineMs: 5, everyMs: 1 });
  await expect(broken).rejects.toThrow("Waited 5 ms in vain for rain; last error: no clouds");
});

it("within() passes on a promise that is in time", async () => {
  expect(await within(Promise.resolve(1), { what: "it" })).toBe(1);
  await expect(within(Promise.reject(new Error("no")), { what: "it" })).rejects.toThrow("no");
  await expect(within(new Promise(() => undefined), { what: "it", deadlineMs: 5 })).rejects.toThrow(
    "5 ms in vain for it",
  );
});
