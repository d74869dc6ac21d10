import { createInterface } from 'node:readline';

interface Starting {
  /** Of the program, for the error. */
  readonly name: string;
  readonly stderr: NodeJS.ReadableStream;
  /** In the line by which it says that it can be used. */
  readonly readyWords: string;
  readonly ended: Promise<unknown>;
  readonly onNoise?: (line: string) => void;
}

/** Fails with its last words when it ends instead. */
export async function untilReady({ name, stderr, readyWords, ended, onNoise = () => {} }: Starting): Promise<void> {
  const ready = Promise.withResolvers<void>();
  let words = '';
  createInterface({ input: stderr }).on('line', (line) => {
    onNoise(line);
    words = `${words}${line}\n`.slice(-2_000);
    if (line.includes(readyWords)) ready.resolve();
  });
  const failed = ended.then(() => Promise.reject(new Error(`${name} did not start:\n${words}`)));
  failed.catch(() => {});
  await Promise.race([ready.promise, failed]);
}
