import { compareNeighbors, consecutive } from "./neighbors.js";
import type { Report } from "./run.js";

const side = (cable: string, network: string) => ({
  cable,
  own: `${network}.255.2`,
  others: `${network}.255.1`,
  length: 16,
  addresses: consecutive((index) => `${network}.${index >> 8}.${index & 255}`),
});

export const run = (report: Report): Promise<void> =>
  compareNeighbors(
    {
      bench: "arp",
      ours: side("ours", "198.18"),
      kernel: side("kernel", "198.19"),
      kernelDevice: "lo",
      unsolicitedFrames: 10,
    },
    report,
  );
