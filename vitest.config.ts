import { defineConfig } from "vitest/config";

/** Counts what V8 has run, so nothing may have run before it. */
const ALONE = ["test/unit/runtime/allocator/steps.test.ts"];

export default defineConfig({
  test: {
    maxWorkers: "100%", // as many as there are cores: by itself vitest leaves one of them to nobody
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/unit/**/*.test.ts"],
          exclude: ALONE,
          setupFiles: ["test/unit/seed.setup.ts"],
          testTimeout: 30_000,
          isolate: false, // a process for each file costs more than the tests: they leave nothing behind
        },
      },
      {
        test: {
          name: "unit-alone",
          include: ALONE,
          setupFiles: ["test/unit/seed.setup.ts"],
        },
      },
      {
        test: {
          // Real processes in network namespaces: as root, on Linux, one file at a time so that timing stays honest.
          name: "lab",
          include: ["test/lab/**/*.test.ts", "test/e2e/**/*.test.ts"],
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
          pool: "forks",
        },
      },
    ],
  },
});
