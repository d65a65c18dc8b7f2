/** One document of a YAML stream: `text.slice(start, end)`, its own directives and markers included. */
export type DocumentSlice = Readonly<{ start: number; end: number }>;

/**
 * Cuts a stream at its document markers without parsing it, so that a fault in one document does not hide the others.
 * A line that begins with `---` or `...` is a marker wherever it stands (YAML 1.1 §4.3.1): text that contains one has
 * to be indented. Slices that hold nothing but comments are left out.
 */
export function splitDocuments(text: string): DocumentSlice[] {
  const slices: DocumentSlice[] = []; // BOUNDED by the lines of the text
  let start = 0;
  let began = false; // a `---` was seen: what follows is this document, even if it is empty
  let hasContent = false;
  let hasDirectives = false;
  const close = (end: number, next: number): void => {
    if (began || hasContent || hasDirectives) slices.push({ start, end });
    start = next;
    began = false;
    hasContent = false;
    hasDirectives = false;
  };
  const lines = /([^\r\n]*)(\r\n?|\n|$)/g;
  for (let offset = 0; offset < text.length; offset = lines.lastIndex) {
    lines.lastIndex = offset;
    const [whole = "", line = ""] = lines.exec(text) ?? [];
    const next = offset + whole.length;
    if (/^\uFEFF?---(?:[ \t]|$)/.test(line)) {
      if (began || hasContent) close(offset, offset);
      began = true;
    } else if (/^\.\.\.(?:[ \t]|$)/.test(line)) {
      close(next, next);
    } else if (!began && !hasContent) {
      if (line.startsWith("%")) hasDirectives = true;
      else hasContent = !/^\uFEFF?[ \t]*(?:#.*)?$/.test(line);
    }
  }
  close(text.length, text.length);
  return slices;
}

/**
 * Where each of several JSON objects written one after the other begins and ends, or undefined where the text is not
 * such a sequence.
 */
export function splitJsonObjects(text: string): DocumentSlice[] | undefined {
  const slices: DocumentSlice[] = []; // BOUNDED by the length of the text
  const tokens = /"(?:[^"\\]|\\.)*"|[{}[\]]|[^\s"{}[\]]+/g;
  let depth = 0;
  let start = 0;
  for (let match = tokens.exec(text); match !== null; match = tokens.exec(text)) {
    const [token] = match;
    if (depth === 0) {
      if (token !== "{") return undefined;
      start = match.index;
    }
    if (token === "{" || token === "[") depth += 1;
    else if (token === "}" || token === "]") depth -= 1;
    if (depth === 0) slices.push({ start, end: tokens.lastIndex });
  }
  return depth === 0 ? slices : undefined;
}
