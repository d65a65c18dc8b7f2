// In the place of the package that lays out help: the same, but that it breaks lines between words. What help says is
// ASCII, so that a character is a column.
import { cliui } from "../node_modules/cliui/build/lib/index.js";

export default function layout(options) {
  return cliui(options, { stringWidth: (text) => text.length, stripAnsi: (text) => text, wrap });
}

/** A word that is longer than a line is cut. */
function wrap(text, width) {
  return text
    .split("\n")
    .flatMap((line) => wrapLine(line, Math.max(width, 1)))
    .join("\n");
}

function wrapLine(line, width) {
  const lines = [];
  let rest = line;
  while (rest.length > width) {
    const blank = rest.lastIndexOf(" ", width);
    const end = blank > rest.search(/\S/) ? blank : width;
    lines.push(rest.slice(0, end));
    rest = rest.slice(end).replace(/^ /, "");
  }
  return [...lines, rest];
}
