/** A place in a text, both counted from 1. A column counts UTF-16 code units, as editors do. */
export type TextPosition = Readonly<{ line: number; column: number }>;

/** Turns offsets into lines and columns; the table of lines is made at the first question. */
export function createLineIndex(text: string): (offset: number) => TextPosition {
  let starts: number[] | undefined; // BOUNDED by the lines of the text
  return (offset) => {
    starts ??= lineStarts(text);
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
  };
}

function lineStarts(text: string): number[] {
  const starts = [0];
  const breaks = /\r\n?|\n/g;
  while (breaks.exec(text) !== null) starts.push(breaks.lastIndex);
  return starts;
}
