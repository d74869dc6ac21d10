import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** For configurations, logs and data; it goes with this process. */
export async function makeBenchDirectory(): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), 'rubot-bench-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
