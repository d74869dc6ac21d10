import { startProcess } from '../../src/processes/start-process.ts';

// A stack of one service, to be killed by its test.
await startProcess({
  name: 'child',
  entry: new URL('./well-behaved.ts', import.meta.url),
  environment: { TEST_PORT: process.env['TEST_PORT'] ?? '' },
  onLine: () => {},
  onNoise: () => {},
});
console.log('up');
