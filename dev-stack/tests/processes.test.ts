import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeEnd, type RunningProcess, startProcess } from '../src/processes/start-process.ts';
import { createSupervisor } from '../src/stack/supervisor.ts';

let server: Server;
/** The connection of the program that runs; it closes when the program has ended. */
let connected: Promise<Socket>;
let port: string;
beforeEach(async () => {
  server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  connected = once(server, 'connection').then(([socket]: Socket[]) => socket!.on('error', () => {}).resume());
  port = String((server.address() as AddressInfo).port);
});
afterEach(() => {
  server.close();
});

function programAt(name: string): URL {
  return new URL(`./programs/${name}.ts`, import.meta.url);
}

function start(name: string, lines: string[] = [], noise: string[] = []) {
  return startProcess({
    name,
    entry: programAt(name),
    environment: { TEST_PORT: port },
    onLine: (line) => lines.push(line),
    onNoise: (line) => noise.push(line),
  });
}

describe('startProcess', () => {
  it('tells log lines from the rest, and hands over no more of the environment than it was given', async () => {
    process.env['TEST_SECRET'] = 'of this process';
    const lines: string[] = [];
    const noise: string[] = [];
    const child = await start('well-behaved', lines, noise);
    const stopped = await child.stop();
    expect(stopped).toMatchObject({ signal: 'SIGTERM' });
    // What it said last is not why it ended.
    expect(describeEnd(stopped)).toBe('It was ended by SIGTERM; before, it said:\na line that is no log line');
    expect([lines, noise]).toEqual([['{"event_type":"service.started"}'], ['well-behaved: a line that is no log line']]);
  });

  it('says in the words of the program why it did not start', async () => {
    await expect(start('broken')).rejects.toThrow('broken did not start. The flux capacitor is empty. Fill it.');
  });

  it('makes a program stop that does not hear', async () => {
    const child = await start('deaf');
    expect(await child.stop()).toMatchObject({ signal: 'SIGKILL' });
  });

  it.each<[string, (child: RunningProcess) => unknown]>([
    ['is killed', (child) => child.kill('SIGKILL')],
    ['ends by itself', (child) => process.kill(child.pid, 'SIGKILL')],
  ])('leaves nothing behind of a program that %s', async (_, end) => {
    const child = await start('with-a-child');
    const closed = once(await connected, 'close');
    await end(child);
    await closed;
    expect(await child.ended).toMatchObject({ signal: 'SIGKILL' });
  });

  it('leaves nothing behind of a stack that is killed', async () => {
    const parent = spawn(process.execPath, [fileURLToPath(programAt('parent'))], {
      env: { TEST_PORT: port },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(parent.stdout, 'data');
    const closed = once(await connected, 'close');
    parent.kill('SIGKILL');
    await closed;
  });
});

describe('createSupervisor', () => {
  it('tells of a program that ended by itself, and not of one that was stopped or killed', async () => {
    const crashed = Promise.withResolvers<string>();
    const crashes: string[] = [];
    const service = { name: 'well-behaved', entry: programAt('well-behaved'), environment: { TEST_PORT: port } };
    const supervisor = createSupervisor({
      services: new Map([['well-behaved', service]]),
      onLine: () => {},
      onNoise: () => {},
      onCrash({ name }) {
        crashes.push(name);
        crashed.resolve(name);
      },
    });
    await supervisor.start('well-behaved');
    await supervisor.stop('well-behaved');
    await supervisor.start('well-behaved');
    await supervisor.kill('well-behaved');
    expect(crashes).toEqual([]);

    // A program whose test hangs up on it has nothing left to do, and ends.
    const connection = once(server, 'connection');
    await supervisor.start('well-behaved');
    const [socket] = (await connection) as Socket[];
    socket!.destroy();
    expect(await crashed.promise).toBe('well-behaved');
    await expect(supervisor.stop('well-behaved')).rejects.toThrow('does not run');
    await expect(supervisor.start('nonsense')).rejects.toThrow('it has: well-behaved');
    await supervisor.stopAll();
  });
});
