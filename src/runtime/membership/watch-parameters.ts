/** How our speakers watch each other. Not for configuration: the figures belong together, see docs/failure-detection.md. */
export const WATCH = {
  /** Who watches each member: this many that follow it on the ring. */
  watchers: 3,
  /** Between two heartbeats to each watcher. */
  beatMilliseconds: 60,
  /** As many heartbeats in a row may be lost without anybody being accused. */
  leastLostBeats: 5,
  /** That more of them are lost in a row, at the share of losses that was seen, shall not be likelier than this. */
  unlikely: 1e-6,
  /** For a heartbeat that is late, and for timers. */
  leastMarginMilliseconds: 40,
  mostSilenceMilliseconds: 600,
  /** An accusation counts for so long; it is said anew with each heartbeat. */
  accusationMilliseconds: 150,
  /** After so many rounds with an answer it is said once in a second only: the way between two is broken, not the member. */
  quickRounds: 20,
  slowRoundMilliseconds: 1000,
  /** Without any other watcher to ask a silence of this length is death. */
  singleMilliseconds: 500,
  /** And so much more than what a silence has to be before it means something. */
  singleExtraMilliseconds: 160,
  /** Nor is there one that answers: as long, at least so many rounds without an answer. */
  aloneMilliseconds: 800,
  aloneRounds: 8,
  /** A tick that is so late means that this process stood still. */
  lateMilliseconds: 150,
  /** Members that are watched at a time; three, but for moments in which not all know the same. */
  mostWatched: 64,
  /** Between two looks for members that were found dead. */
  seekMilliseconds: 250,
  /** For how long they are looked for. */
  lostMilliseconds: 3_600_000,
  mostLost: 1024,
  /** Between two answers to one of them, and between two refutations that go to all. */
  answerMilliseconds: 50,
  /** How many are asked at a time whether this member is taken for alive. */
  asked: 3,
  /** Nobody who lived so lately is left out when it is asked who is still there. */
  recentMilliseconds: 30_000,
  /** Without anybody alive, so long until it is certain that nobody answers. */
  nobodyMilliseconds: 1000,
  /** A question is over then, answered or not. */
  questionMilliseconds: 5000,
} as const;
