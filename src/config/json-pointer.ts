/** One step down a JSON pointer. RFC 6901 §3 */
export function pointerTo(parent: string, key: string | number): string {
  const text = String(key);
  if (!text.includes("~") && !text.includes("/")) return `${parent}/${text}`;
  return `${parent}/${text.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

/** The keys of a JSON pointer, unescaped. RFC 6901 §4 */
export function pointerKeys(pointer: string): string[] {
  if (pointer === "") return [];
  return pointer
    .slice(1)
    .split("/")
    .map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
}
