/** How often, how patiently and to how many: what memberlist calls its configuration. Milliseconds; counts from 0. */
export type MembershipParameters = Readonly<{
  /** For a connection and all that is said on it. */
  tcpTimeoutMilliseconds: number;
  /** Members asked to ping one that does not answer. */
  indirectChecks: number;
  /** A rumour is passed on this often, times log10(members + 1), rounded up. */
  retransmitMultiplier: number;
  /** A suspect has this many probe intervals, times max(1, log10(members)), at the least. */
  suspicionMultiplier: number;
  /** And this many times that while nobody else confirms the suspicion. */
  suspicionMaxTimeoutMultiplier: number;
  /** Between two exchanges of all that is known with one other member; more above 32 members. 0: none. */
  pushPullIntervalMilliseconds: number;
  /** For an answer to a ping before others are asked to try. */
  probeTimeoutMilliseconds: number;
  /** Between two probes, times (health score + 1) while a probe fails. 0: none. */
  probeIntervalMilliseconds: number;
  disableTcpPings: boolean;
  /** The health score is 0 to one less than this. */
  awarenessMaxMultiplier: number;
  /** Members told in one round of gossip. */
  gossipNodes: number;
  gossipIntervalMilliseconds: number;
  /** For how long the dead are still told, so that they may protest, and remembered. */
  gossipToTheDeadMilliseconds: number;
  /** Refuse what comes in clear where there is a key. */
  gossipVerifyIncoming: boolean;
  /** Encrypt what is sent where there is a key. */
  gossipVerifyOutgoing: boolean;
  enableCompression: boolean;
  /** Of a queue that this program does not have, for it takes each message as it comes. */
  handoffQueueDepth: number;
  /** The longest packet that is put together. */
  udpBufferOctets: number;
  /** Between two looks at a queue's length, which this program shows whenever it is asked. */
  queueCheckIntervalMilliseconds: number;
}>;

export const LAN_PARAMETERS: MembershipParameters = {
  tcpTimeoutMilliseconds: 10_000,
  indirectChecks: 3,
  retransmitMultiplier: 4,
  suspicionMultiplier: 4,
  suspicionMaxTimeoutMultiplier: 6,
  pushPullIntervalMilliseconds: 30_000,
  probeTimeoutMilliseconds: 500,
  probeIntervalMilliseconds: 1000,
  disableTcpPings: false,
  awarenessMaxMultiplier: 8,
  gossipNodes: 3,
  gossipIntervalMilliseconds: 200,
  gossipToTheDeadMilliseconds: 30_000,
  gossipVerifyIncoming: true,
  gossipVerifyOutgoing: true,
  enableCompression: true,
  handoffQueueDepth: 1024,
  udpBufferOctets: 1400,
  queueCheckIntervalMilliseconds: 30_000,
};

export const WAN_PARAMETERS: MembershipParameters = {
  ...LAN_PARAMETERS,
  tcpTimeoutMilliseconds: 30_000,
  suspicionMultiplier: 6,
  pushPullIntervalMilliseconds: 60_000,
  probeTimeoutMilliseconds: 3000,
  probeIntervalMilliseconds: 5000,
  gossipNodes: 4,
  gossipIntervalMilliseconds: 500,
  gossipToTheDeadMilliseconds: 60_000,
};

/** How many times one rumour is sent in a fleet of so many members. */
export function retransmitLimit({ retransmitMultiplier }: MembershipParameters, members: number): number {
  return retransmitMultiplier * Math.ceil(Math.log10(members + 1));
}

/** Above this many members, exchanges of all that is known become rarer. */
const PUSH_PULL_THRESHOLD = 32;

/** Milliseconds between two push/pulls in a fleet of so many members. */
export function pushPullInterval({ pushPullIntervalMilliseconds }: MembershipParameters, members: number): number {
  if (members <= PUSH_PULL_THRESHOLD) return pushPullIntervalMilliseconds;
  return pushPullIntervalMilliseconds * (Math.ceil(Math.log2(members / PUSH_PULL_THRESHOLD)) + 1);
}
