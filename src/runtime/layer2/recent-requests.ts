import type { AddressKey } from "./address-key.js";
import { markRequest, type RequestMark } from "./answered-requests.js";

/**
 * So long a request waits for an owner: as long as it may take from when one machine withdraws an address to when another one
 * announces it, and less than it takes to find a machine dead: what that answered just before it died is not answered again.
 */
export const REMEMBER_MILLISECONDS = 250;
/** Powers of two. */
const SLOTS = 1024;
const BUCKETS = 1024;
/** Entries of a bucket that are looked at for the same request, sent once more. */
const LOOK_BACK = 4;
const NONE = -1;

/** What is kept of a request, and by what two requesters are told apart. All in octets, offsets from the frame's first. */
export type RequestForm = Readonly<{
  /** Its beginning; a multiple of 4. */
  kept: number;
  /** A frame that is longer on the wire is not kept. */
  longest: number;
  /** Where its sender stands; a multiple of 2 octets. */
  requesterOffset: number;
  requesterOctets: number;
  /** Where the address stands that is asked for; a multiple of 2 octets. */
  targetOffset: number;
  targetOctets: number;
}>;

/**
 * Requests of the last moments for addresses that are not announced here, so that they can be answered when an address
 * arrives from another node. A ring in fixed memory whose entries are chained by address: remembering one copies a few words
 * and makes nothing, since it runs for each request on the link that is for somebody else. BOUNDED by 1,024 requests: where
 * more come within 250 ms the oldest are forgotten; one that is sent again takes no second place.
 */
export type RecentRequests = Readonly<{
  form: RequestForm;
  /** Entry N begins at octet `N * form.kept`. */
  frames: DataView;
  lengths: Uint16Array;
  keys: AddressKey[];
  interfaces: Int32Array;
  times: Float64Array;
  /** By entry, the number of the one before it in its bucket; numbers go on for ever, and entry N is at place N % 1024. */
  previous: Float64Array;
  /** By bucket, the number of its newest entry. */
  newest: Float64Array;
  /** The number of the next entry. */
  next: [number];
}>;

export function createRecentRequests(form: RequestForm): RecentRequests {
  return {
    form,
    frames: new DataView(new ArrayBuffer(SLOTS * form.kept)),
    lengths: new Uint16Array(SLOTS),
    keys: Array<AddressKey>(SLOTS).fill(0),
    interfaces: new Int32Array(SLOTS),
    times: new Float64Array(SLOTS).fill(-Infinity),
    previous: new Float64Array(SLOTS).fill(NONE),
    newest: new Float64Array(BUCKETS).fill(NONE),
    next: [0],
  };
}

/**
 * Remembers a valid request for `key` that came in by an interface.
 * @param view where the frame lies, from `offset`; `octets` is its length on the wire
 */
export function rememberRequest(
  recent: RecentRequests,
  key: AddressKey,
  view: DataView,
  offset: number,
  octets: number,
  interfaceIndex: number,
  now: number,
): void {
  const { form, frames, next } = recent;
  if (octets > form.longest) return;
  const bucket = bucketOf(key);
  const newest = recent.newest[bucket] ?? NONE;
  let number = newest;
  for (let looks = 0; looks < LOOK_BACK && isKept(recent, number); looks += 1) {
    const place = number % SLOTS;
    if (
      recent.interfaces[place] === interfaceIndex &&
      recent.keys[place] === key &&
      isSame(recent, place, view, offset)
    ) {
      recent.times[place] = now;
      return;
    }
    number = recent.previous[place] ?? NONE;
  }
  const place = next[0] % SLOTS;
  const to = place * form.kept;
  const words = Math.min((octets + 3) >> 2, form.kept >> 2);
  for (let word = 0; word < words; word += 1) frames.setInt32(to + 4 * word, view.getInt32(offset + 4 * word));
  recent.lengths[place] = octets;
  recent.keys[place] = key;
  recent.interfaces[place] = interfaceIndex;
  recent.times[place] = now;
  recent.previous[place] = newest;
  recent.newest[bucket] = next[0];
  next[0] += 1;
}

/**
 * Gives each request of the last moments for an address to `take`, the newest first, and forgets it.
 * @param take false: it cannot be answered now, and is kept
 * @param isAnswered whether somebody else has answered it: then it is forgotten alone
 */
export function takeRequests(
  recent: RecentRequests,
  key: AddressKey,
  now: number,
  take: (interfaceIndex: number, view: DataView, offset: number, octets: number) => boolean,
  isAnswered: (mark: RequestMark, heardAt: number) => boolean = () => false,
  milliseconds = REMEMBER_MILLISECONDS,
): void {
  let number = recent.newest[bucketOf(key)] ?? NONE;
  for (; isKept(recent, number); number = recent.previous[number % SLOTS] ?? NONE) {
    const place = number % SLOTS;
    const heardAt = recent.times[place] ?? -Infinity;
    if (recent.keys[place] !== key || now - heardAt > milliseconds) continue;
    const offset = place * recent.form.kept;
    const isOver =
      isAnswered(markRequest(recent.form, recent.frames, offset), heardAt) ||
      take(recent.interfaces[place] ?? 0, recent.frames, offset, recent.lengths[place] ?? 0);
    if (isOver) recent.times[place] = -Infinity;
  }
}

/** As after a halt, when nobody knows how old they are. */
export function forgetRequests({ times }: RecentRequests): void {
  times.fill(-Infinity);
}

/** Whether the entry with this number has not been written over. */
function isKept({ next }: RecentRequests, number: number): boolean {
  return number >= 0 && number >= next[0] - SLOTS;
}

function isSame({ form, frames }: RecentRequests, place: number, view: DataView, offset: number): boolean {
  const [at, theirs] = [place * form.kept + form.requesterOffset, offset + form.requesterOffset];
  for (let octet = 0; octet < form.requesterOctets; octet += 2) {
    if (frames.getInt16(at + octet) !== view.getInt16(theirs + octet)) return false;
  }
  return true;
}

function bucketOf(key: AddressKey): number {
  const word =
    typeof key === "number" ? key : (key.charCodeAt(5) << 24) ^ (key.charCodeAt(6) << 16) ^ key.charCodeAt(7);
  return Math.imul(word, 0x9e3779b1) >>> 22;
}
