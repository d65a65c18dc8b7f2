import type { WrittenResource } from "./legacy-resources.js";
import type { ManifestObject } from "./manifest-text.js";

/** One line for each resource: what it is, how it is called, and what it was. Empty for none. Shows no spec, so no password. */
export function resourceTable(resources: readonly WrittenResource[]): string {
  if (resources.length === 0) return "";
  const rows = resources.map(({ object, origin }) => {
    const metadata = object["metadata"] as ManifestObject;
    return [object["kind"], metadata["namespace"], metadata["name"], origin].map(String);
  });
  return textTable([["KIND", "NAMESPACE", "NAME", "FROM"], ...rows]);
}

/** Columns as wide as their widest cell, two blanks between. */
export function textTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  return `${lines.join("\n")}\n`;
}
