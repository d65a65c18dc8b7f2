const MOST = 20;

/** The first names of a list, and how many more there are. */
export function listed(names: readonly string[]): string {
  const first = names.slice(0, MOST).join(", ");
  return names.length > MOST ? `${first} and ${names.length - MOST} more` : first;
}
