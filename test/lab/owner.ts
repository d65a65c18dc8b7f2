/** Whose lab is it: names carry the pid and the start time of the creating process, so that a reused pid is no trap. */
import { readFileSync } from "node:fs";

/** Every namespace and temporary folder of a lab is called `smelter-lab-PID-STARTTIME-SERIAL[-HOST]`. */
const NAME = /^smelter-lab-(\d+)-(\d+)-(\d+)(?:-(.+))?$/;

let serial = 0;

/** A name no other lab of this machine has, alive or dead. */
export function nextLabName(): string {
  serial += 1;
  return `smelter-lab-${process.pid}-${startTime(process.pid)}-${serial}`;
}

/** Whether `name` belongs to a lab whose creating process is gone. Names that are not a lab's are not ours: false. */
export function isLeftover(name: string): boolean {
  const [, pid, started] = NAME.exec(name) ?? [];
  return pid !== undefined && startTime(Number(pid)) !== started;
}

/**
 * Clock ticks from boot to the start of the process (field 22 of /proc/PID/stat); undefined when there is none, or when
 * it has ended and only waits for its parent to take notice.
 */
export function startTime(pid: number): string | undefined {
  try {
    const fields = statFields(readFileSync(`/proc/${pid}/stat`, "utf8"));
    return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
  } catch {
    return undefined; // no such process
  }
}

/** The fields of /proc/PID/stat from the third on (the second, the command, may have blanks and parentheses). */
export function statFields(stat: string): readonly string[] {
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}
