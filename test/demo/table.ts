/** One row of what the demo shows. */
export type Row = Readonly<{ service: string; address: string; announcedBy: string; client: string }>;

const HEADINGS: Row = {
  service: "SERVICE",
  address: "ADDRESS",
  announcedBy: "ANNOUNCED BY",
  client: "WHAT THE CLIENT GETS",
};
const COLUMNS = ["service", "address", "announcedBy", "client"] as const;

/** Prints a table, on a terminal over the one before, elsewhere only when it says something new. */
export function createLiveTable(out: NodeJS.WriteStream): Readonly<{ show(rows: readonly Row[]): void; next(): void }> {
  let shownLines = 0;
  let shown = "";
  return {
    show(rows) {
      const text = formatRows(rows);
      if (text === shown) return;
      if (out.isTTY && shownLines > 0) out.write(`\x1b[${shownLines}A\x1b[J`);
      out.write(text);
      shown = text;
      shownLines = rows.length + 1;
    },
    next() {
      shownLines = 0;
      shown = "";
    },
  };
}

function formatRows(rows: readonly Row[]): string {
  const all = [HEADINGS, ...rows];
  const widths = COLUMNS.map((column) => Math.max(...all.map((row) => row[column].length)));
  const line = (row: Row): string => COLUMNS.map((column, index) => row[column].padEnd(widths[index] ?? 0)).join("  ");
  return `${all.map((row) => `  ${line(row).trimEnd()}`).join("\n")}\n`;
}
