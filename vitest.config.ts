import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// Every test file is a process of its own, and the preload gives it a private mount namespace before Node starts a
// thread: no test can touch the machine's mounts. `threads` would move one thread only.
const shared = { pool: 'forks', isolate: true, testTimeout: 20_000, hookTimeout: 60_000 } as const;
const preload = ['--require', './test/preload.cjs'];
const ci = process.env.CI === 'true';

export default defineConfig({
  test: {
    ...shared,
    reporters: ci ? ['default', 'json'] : ['default'],
    outputFile: { json: process.env.VITEST_JSON ?? '.ci/out/vitest.json' },
    globalSetup: ['test/machine-mounts.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'library',
          include: ['test/**/*.test.ts'],
          exclude: ['test/cli/**', 'test/faults/**', 'test/missing/**', 'test/machine.test.ts'],
          execArgv: preload,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'command',
          include: ['test/cli/**/*.test.ts'],
          globalSetup: ['test/cli/fresh-build.ts'],
          execArgv: preload,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'examples',
          include: ['examples/**/*.test.ts'],
          globalSetup: ['test/cli/fresh-build.ts'],
          execArgv: preload,
          sequence: { groupOrder: 1 },
        },
      },
      {
        // With an addon in which any syscall can be made to fail.
        extends: true,
        test: {
          name: 'faults',
          include: ['test/faults/**/*.test.ts', 'test/missing/**/*.test.ts'],
          globalSetup: ['test/cli/fresh-build.ts', 'test/faults/build.ts'],
          env: {
            MOUNTYARD_ADDON: fileURLToPath(new URL('build/faults/Release/mountyard.node', import.meta.url)),
          },
          execArgv: preload,
          sequence: { groupOrder: 2 },
        },
      },
      {
        // Last, and without the preload: it looks at the machine's own table.
        extends: true,
        test: { name: 'machine', include: ['test/machine.test.ts'], sequence: { groupOrder: 3 } },
      },
    ],
  },
});
