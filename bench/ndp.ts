import { compareNeighbors, consecutive } from "./neighbors.js";
import type { Report } from "./run.js";

const side = (cable: string, network: string) => ({
  cable,
  own: `${network}::ffff:2`,
  others: `${network}::ffff:1`,
  length: 64,
  addresses: consecutive((index) => `${network}::1:${(index + 1).toString(16)}`),
});

export const run = (report: Report): Promise<void> =>
  compareNeighbors(
    {
      bench: "ndp",
      ours: side("ours", "2001:db8:18"),
      kernel: side("kernel", "2001:db8:19"),
      kernelDevice: "kernel",
      unsolicitedFrames: 3,
    },
    report,
  );
