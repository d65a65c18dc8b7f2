/** The cable between a host and the switch: cutting it, and rules for what gets through. */
import { ipBatch, nft } from "./network.js";
import { startRelay, type Delays, type Relay } from "./relay.js";

/** Which frames a rule is about; all if left out. */
export type Match = Readonly<{
  protocol?: "arp" | "ipv4" | "ipv6" | "icmp" | "icmpv6" | "ndp" | "tcp" | "udp";
  /** Source or destination port, with tcp or udp. */
  port?: number;
  /** As seen from the host: what it sends, what it would receive, or both (if left out). */
  direction?: "out" | "in" | "both";
}>;

/** A rule in force. `counters` counts frames since it was made. */
export type Rule = Readonly<{
  counters: () => Promise<Readonly<{ seen: number; dropped: number }>>;
  remove: () => Promise<void>;
}>;

export type Cable = Readonly<{
  /** The link goes down on both sides, as when it is pulled out. */
  cut: () => Promise<void>;
  mend: () => Promise<void>;
  /** The link stays up, but these frames do not get through. */
  block: (match: Match) => Promise<Rule>;
  /** This share of these frames, 0 (they are only counted) to 100 percent, is lost, each by its own throw of the dice. */
  lose: (percent: number, match?: Match) => Promise<Rule>;
  /** Frames take longer, or overtake one another. One at a time for each cable. */
  delay: (delays: Delays) => Promise<Relay>;
}>;

/** @param port the cable's end on the switch, which has the host's name */
export function createCable(switchNamespace: string, port: string): Cable {
  async function lose(percent: number, match: Match = {}): Promise<Rule> {
    const { direction = "both" } = match;
    const share = Math.round(percent * 100);
    const rules = [
      ...(direction === "in" ? [] : [["sent", "iifname"]]),
      ...(direction === "out" ? [] : [["received", "oifname"]]),
    ].flatMap(([chain, interfaceOf]) =>
      expressions(match).map((expression) => `${chain} ${interfaceOf} { "${port}", "${port}-tap" } ${expression}`),
    );
    await ensureTable(switchNamespace);
    const added = await Promise.all(
      rules.map(async (rule) => {
        const drop = dropShare(share);
        const text = `add rule bridge cables ${rule} counter ${drop}`;
        const echoed = JSON.parse(await nft(switchNamespace, "--echo", "--handle", "--json", text)) as NftOutput;
        const [handle] = echoed.nftables.flatMap(({ add }) => add?.rule?.handle ?? []);
        return { chain: rule.split(" ")[0] ?? "", handle };
      }),
    );
    return {
      remove: async () => {
        const lines = added.map(({ chain, handle }) => `delete rule bridge cables ${chain} handle ${handle}\n`);
        await nft(switchNamespace, lines.join(""));
      },
      counters: async () => {
        const list = JSON.parse(
          await nft(switchNamespace, "--json", "--handle", "list table bridge cables"),
        ) as NftOutput;
        const handles = new Set(added.map(({ handle }) => handle));
        const counters = list.nftables
          .flatMap(({ rule }) => (rule !== undefined && handles.has(rule.handle) ? [rule.expr] : []))
          .map((expr) => expr.flatMap(({ counter }) => counter?.packets ?? []));
        const sum = (place: number): number => counters.reduce((total, packets) => total + (packets[place] ?? 0), 0);
        return { seen: sum(0), dropped: sum(1) };
      },
    };
  }

  return {
    cut: () => ipBatch(switchNamespace, [`link set ${port} down`]),
    mend: () => ipBatch(switchNamespace, [`link set ${port} up`]),
    block: (match) => lose(100, match),
    lose,
    delay: (delays) => startRelay(switchNamespace, port, delays),
  };
}

function dropShare(ofTenThousand: number): string {
  if (ofTenThousand <= 0) return ""; // only counted
  return ofTenThousand >= 10_000 ? "counter drop" : `numgen random mod 10000 < ${ofTenThousand} counter drop`;
}

type NftRule = Readonly<{ handle: number; expr: readonly Readonly<{ counter?: { packets: number } }>[] }>;
type NftOutput = Readonly<{ nftables: readonly Readonly<{ rule?: NftRule; add?: { rule?: NftRule } }>[] }>;

/** Two base chains: what hosts send is seen once as it comes in, what they receive once as it goes out. */
const ensureTable = (namespace: string): Promise<string> =>
  nft(
    namespace, // adding what is there already is no error
    `add table bridge cables
add chain bridge cables sent { type filter hook prerouting priority 0; }
add chain bridge cables received { type filter hook postrouting priority 0; }`,
  );

const PROTOCOL = {
  arp: "ether type arp",
  ipv4: "ether type ip",
  ipv6: "ether type ip6",
  icmp: "ether type ip ip protocol icmp",
  icmpv6: "ether type ip6 meta l4proto ipv6-icmp",
  ndp: "ether type ip6 icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert }",
  tcp: "meta l4proto tcp",
  udp: "meta l4proto udp",
} as const;

/** A bridge chain has no word for "either port"; one rule for each, and no frame is counted by both. */
function expressions({ protocol, port }: Match): readonly string[] {
  const kind = protocol === undefined ? "" : PROTOCOL[protocol];
  if (port === undefined) return [kind];
  if (protocol !== "tcp" && protocol !== "udp") {
    throw new Error(`Cannot match port ${port} on a cable: protocol is ${protocol}: give tcp or udp`);
  }
  return [`${kind} th sport ${port}`, `${kind} th dport ${port} th sport != ${port}`];
}
