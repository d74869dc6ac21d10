import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

async function findPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function startPatientService(port: number) {
  const child = spawn(process.execPath, [fileURLToPath(new URL('_patient-service.ts', import.meta.url)), String(port)]);
  cleanups.push(() => child.kill('SIGKILL'));
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout });
  reader.on('line', (line) => lines.push(line));

  async function line(text: string): Promise<void> {
    while (!lines.some((known) => known.includes(text))) await once(reader, 'line');
  }
  return { child, line };
}

describe('serveUntilStopped', () => {
  it('finishes what it has begun, however often it is told to stop', async () => {
    const port = await findPort();
    const { child, line } = startPatientService(port);
    await line('service.started');
    const answer = fetch(`http://127.0.0.1:${port}/`);
    await line('asked');
    child.kill('SIGTERM');
    await line('service.draining');
    child.kill('SIGTERM');
    child.kill('SIGINT');
    child.stdin.write('now\n');
    expect(await (await answer).text()).toBe('whole');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('says in one line that its port is taken, and ends', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanups.push(() => server.close());
    const { child } = startPatientService((server.address() as AddressInfo).port);
    let words = '';
    child.stderr.on('data', (chunk) => {
      words += chunk;
    });
    expect(await once(child, 'close')).toEqual([1, null]);
    expect(words).toMatch(/^The port is taken .*set another PORT\.\n$/);
  });
});
