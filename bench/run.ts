/** One measurement. `ratio` is value over floor, measured in the same run; both null where a floor has no meaning. */
export type BenchLine = Readonly<{
  bench: string;
  case: string;
  value: number;
  unit: string;
  floor: number | null;
  ratio: number | null;
}>;
export type Report = (line: BenchLine) => void;

type Bench = Readonly<{ run(report: Report): Promise<void> }>;

const benches: Readonly<Record<string, () => Promise<Bench>>> = {
  arp: () => import("./arp.js"),
  ndp: () => import("./ndp.js"),
  allocate: () => import("./allocate.js"),
  bfd: () => import("./bfd.js"),
  bgp: () => import("./bgp.js"),
  convert: () => import("./convert.js"),
  failover: () => import("./failover.js"),
  lint: () => import("./lint.js"),
  start: () => import("./start.js"),
  takeover: () => import("./takeover.js"),
  "failover-simulation": () => import("./failover-simulation.js"),
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => benches[name] === undefined);
if (unknown.length > 0) {
  console.error(`Cannot run ${unknown.join(", ")}: the benchmarks are ${Object.keys(benches).join(", ")}`);
  process.exitCode = 2;
} else {
  for (const [name, load] of Object.entries(benches)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    const { run } = await load();
    await run((line) => console.log(JSON.stringify(rounded(line))));
  }
}

function rounded(line: BenchLine): BenchLine {
  const round = (value: number | null): number | null => (value === null ? null : Number(value.toPrecision(4)));
  return { ...line, value: round(line.value) ?? 0, floor: round(line.floor), ratio: round(line.ratio) };
}
