import { configureGlobal } from "fast-check";

/** `make soak SEED=…` repeats a run; without it every run draws its own seed, and a failure prints it. */
const seed = process.env["SMELTER_SEED"];
if (seed !== undefined && seed !== "") configureGlobal({ seed: Number(seed) });
