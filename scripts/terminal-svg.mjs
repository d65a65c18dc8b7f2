// Draws text as a terminal shows it: standard input to an SVG on standard output.
// Usage: make demo | node scripts/terminal-svg.mjs > docs/demo.svg
import { text } from "node:stream/consumers";

const [CHARACTER, LINE, MARGIN, BAR] = [8.4, 20, 18, 30];

const lines = ["$ make demo", ...(await text(process.stdin)).trimEnd().split("\n")].filter(
  (line) => !/^(make|node|npm)\b/.test(line),
);
const width = Math.ceil(Math.max(...lines.map((line) => line.length)) * CHARACTER) + 2 * MARGIN;
const height = lines.length * LINE + 2 * MARGIN + BAR;

const escape = (line) => line.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
const colour = (line) => {
  if (line.startsWith("$") || /^demo: ok$/.test(line)) return "#7ee787";
  if (/^ {2}SERVICE/.test(line)) return "#79c0ff";
  return /moved|killed/.test(line) ? "#ffa657" : "#e6edf3";
};
const rows = lines.map(
  (line, index) =>
    `<text x="${MARGIN}" y="${BAR + MARGIN + (index + 0.7) * LINE}" fill="${colour(line)}" xml:space="preserve">${escape(line)}</text>`,
);
process.stdout
  .write(`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
<rect width="${width}" height="${height}" rx="8" fill="#0d1117"/>
<circle cx="20" cy="16" r="6" fill="#ff5f56"/><circle cx="40" cy="16" r="6" fill="#ffbd2e"/><circle cx="60" cy="16" r="6" fill="#27c93f"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="14">
${rows.join("\n")}
</g>
</svg>
`);
