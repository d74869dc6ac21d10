import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type OwnedProcess, ownProcess } from '../targets/own-process.ts';

export interface RunningUpstream extends OwnedProcess {
  readonly url: string;
}

/** A program of `serveAnswers` in a process of its own, so that its work is not the load generator's. */
export async function startUpstream(program: URL): Promise<RunningUpstream> {
  const child = fork(fileURLToPath(program));
  const owned = ownProcess(child);
  const [port] = await once(child, 'message');
  return { ...owned, url: `http://127.0.0.1:${port}` };
}
