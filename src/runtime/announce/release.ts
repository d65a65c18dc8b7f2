/** A release of the original, 0.`minor`.`patch`: there is no other major version. */
export type Release = Readonly<{ minor: number; patch: number }>;

/** The first one with a speaker whose behaviour is known; what is called older is something else. */
const OLDEST_MINOR = 7;

/**
 * Reads `v0.13.10`, `0.13` and what builders append (`v0.9.6-86016b74`, `0.13.7-debian-11-r1`). `v0.13` is the first of its
 * line, `v0.13.0`.
 * @returns undefined for everything else: `latest`, `main`, versions of other programs
 */
export function parseRelease(text: string): Release | undefined {
  const [, minorText, patchText = "0"] = /^v?0\.(\d{1,4})(?:\.(\d{1,4}))?(?:[-+_].*)?$/.exec(text) ?? [];
  const minor = Number(minorText ?? 0);
  return minor < OLDEST_MINOR ? undefined : { minor, patch: Number(patchText) };
}

/** Below 0: `a` is older. */
export function compareReleases(a: Release, b: Release): number {
  return a.minor - b.minor || a.patch - b.patch;
}

export function formatRelease({ minor, patch }: Release): string {
  return `v0.${minor}.${patch}`;
}
