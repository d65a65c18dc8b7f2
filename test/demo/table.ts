/** One row of what the demo shows. */
export type Row = Readonly<{ service: string; address: string; announcedBy: string; client: string }>;

const HEADINGS: Row = {
  service: "SERVICE",
  address: "ADDRESS",
  announcedBy: "ANNOUNCED BY",
  client: "WHAT THE CLIENT GETS",
};
const COLUMNS = ["service", "address", "announcedBy", "client"] as const;

/** Prints a table: on a terminal each over the one before, elsewhere only the last, when it is done. */
export function createLiveTable(out: NodeJS.WriteStream): Readonly<{ show(rows: readonly Row[]): void; done(): void }> {
  let shownLines = 0;
  let shown = "";
  return {
    show(rows) {
      const text = formatRows(rows);
      if (text === shown) return;
      shown = text;
      if (!out.isTTY) return;
      out.write(`${shownLines > 0 ? `\x1b[${shownLines}A\x1b[J` : ""}${text}`);
      shownLines = rows.length + 1;
    },
    done() {
      if (!out.isTTY) out.write(shown);
      [shownLines, shown] = [0, ""];
    },
  };
}

function formatRows(rows: readonly Row[]): string {
  const all = [HEADINGS, ...rows];
  const widths = COLUMNS.map((column) => Math.max(...all.map((row) => row[column].length)));
  const line = (row: Row): string => COLUMNS.map((column, index) => row[column].padEnd(widths[index] ?? 0)).join("  ");
  return `${all.map((row) => `  ${line(row).trimEnd()}`).join("\n")}\n`;
}
