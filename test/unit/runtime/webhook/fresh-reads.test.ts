import { expect, it } from "vitest";
import { createFreshReads } from "../../../../src/runtime/webhook/fresh-reads.js";

it("shares a read among those who wait for it, and never gives what was read before they asked", async () => {
  const begun: ((value: string) => void)[] = [];
  const read = createFreshReads<string, string>(() => new Promise((resolve) => void begun.push(resolve)));
  const first = read("pools");
  const others = [read("pools"), read("pools"), read("pools")];
  const elsewhere = read("peers");
  expect(begun).toHaveLength(2);
  begun[0]?.("one");
  expect(await first).toBe("one");
  begun[2]?.("two");
  expect(await Promise.all(others)).toEqual(["two", "two", "two"]);
  begun[1]?.("peers");
  expect(await elsewhere).toBe("peers");
  expect(begun).toHaveLength(3);
});

it("begins anew after a read that failed", async () => {
  const failing = createFreshReads((key: string) => Promise.reject(new Error(key)));
  await expect(Promise.all([failing("a"), failing("a")])).rejects.toThrow("a");
  await expect(failing("a")).rejects.toThrow("a");
});
