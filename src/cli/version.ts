declare const SMELTER_VERSION: string | undefined;
declare const SMELTER_COMMIT: string | undefined;

/** What `smelter version` says; the constants are set when the program is bundled. */
export const VERSION = typeof SMELTER_VERSION === "string" ? SMELTER_VERSION : "0.0.0-source";
export const COMMIT = typeof SMELTER_COMMIT === "string" ? SMELTER_COMMIT : "unknown";
