import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { bundleService } from '@rubot/bundle/bundle-service';
import { REPOSITORY } from '../../src/repository.ts';

/** The orchestrator as it is deployed, in one file, which starts in a fraction of the time. It goes with this process. @returns its entry */
export async function bundleOrchestrator(): Promise<URL> {
  const folder = mkdtempSync(join(tmpdir(), 'rubot-nemesis-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  await bundleService(fileURLToPath(new URL('services/orchestrator', REPOSITORY)), folder);
  return pathToFileURL(join(folder, 'main.js'));
}
