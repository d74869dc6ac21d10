import { defineConfig } from 'vitest/config';

const BUILT = ['**/node_modules/**', '**/dist/**'];
const TIMED = '**/*.timed.test.ts';

export default defineConfig({
  test: {
    environment: 'node',
    testTimeout: 20_000,
    hookTimeout: 60_000,
    // Two workers: the suites that start workerd and services are bound by cores, not by waiting.
    maxWorkers: 2,
    projects: [
      { extends: true, test: { name: 'tests', include: ['**/*.test.ts'], exclude: [...BUILT, TIMED], sequence: { groupOrder: 1 } } },
      // What holds the platform to a time runs when no other suite takes its cores.
      { extends: true, test: { name: 'timed', include: [TIMED], exclude: BUILT, maxWorkers: 1, sequence: { groupOrder: 2 } } },
    ],
  },
});
