/** Random choices that a seed repeats: the same seed, the same choices. */
export type Dice = Readonly<{
  /** 0 to `count` - 1. */
  below: (count: number) => number;
  /** Both ends included. */
  between: (first: number, last: number) => number;
  pick: <Value>(values: readonly Value[]) => Value;
  /** True once in so many times. */
  oneIn: (count: number) => boolean;
  octets: (count: number) => number[];
  shuffled: <Value>(values: readonly Value[]) => Value[];
}>;

/** @param seed any integer */
export function createDice(seed: number): Dice {
  let state = seed | 0;
  /** A mixed counter: 32 bits, which is plenty for choosing. */
  function next(): number {
    state = (state + 0x9e3779b9) | 0;
    let word = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    word = Math.imul(word ^ (word >>> 15), 0x735a2d97);
    return (word ^ (word >>> 15)) >>> 0;
  }
  const below = (count: number): number => next() % count;
  const pick = <Value>(values: readonly Value[]): Value => values[below(values.length)] as Value;
  return {
    below,
    between: (first, last) => first + below(last - first + 1),
    pick,
    oneIn: (count) => below(count) === 0,
    octets(count) {
      const octets: number[] = [];
      for (let index = 0; index < count; index += 1) octets.push(below(256));
      return octets;
    },
    shuffled(values) {
      const left = [...values];
      return values.map(() => left.splice(below(left.length), 1)[0] as (typeof values)[number]);
    },
  };
}

/** SMELTER_SEED, or one that was drawn; whoever fails is to say it. */
export function seedOfRun(): number {
  const said = process.env["SMELTER_SEED"] ?? "";
  return said === "" ? Math.floor(Math.random() * 2 ** 31) : Number(said);
}
