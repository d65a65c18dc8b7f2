/** Taking processor time away from a process, by a control group (version 1) of its own. */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isLeftover } from "../lab/owner.js";

const CONTROLLER = "/sys/fs/cgroup/cpu";
const PERIOD_MICROSECONDS = 100_000;

/**
 * From now on all threads of the process together have so much of one processor; more comes only in the next tenth of a
 * second. Needs root, and the version of control groups that has a hierarchy of its own for the processor.
 * @param name begins with the lab's: what a killed test leaves behind is removed by the next
 * @returns ends it
 */
export function throttle(name: string, pid: number, percent: number): () => void {
  if (!existsSync(join(CONTROLLER, "cpu.cfs_quota_us"))) {
    throw new Error(`Cannot throttle process ${pid}: ${CONTROLLER} has no quotas: mount cgroup v1 with cpu there`);
  }
  for (const left of readdirSync(CONTROLLER).filter(isLeftover)) rmdirSync(join(CONTROLLER, left));
  const before = /^\d+:(?:[^:]*,)?cpu(?:,[^:]*)?:(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, "utf8"))?.[1] ?? "/";
  const folder = join(CONTROLLER, name);
  mkdirSync(folder);
  writeFileSync(join(folder, "cpu.cfs_period_us"), `${PERIOD_MICROSECONDS}`);
  writeFileSync(join(folder, "cpu.cfs_quota_us"), `${(PERIOD_MICROSECONDS * percent) / 100}`);
  writeFileSync(join(folder, "cgroup.procs"), `${pid}`);
  return () => {
    if (existsSync(`/proc/${pid}`)) writeFileSync(join(CONTROLLER, before, "cgroup.procs"), `${pid}`);
    rmdirSync(folder); // fails where a process of it is left
  };
}
