import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it, vi } from 'vitest';

const READERS = 200;
const MAX_BYTES_EACH = 262_144;
const FRAME_BYTES = 12_288;

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

interface Figures {
  readonly bytes: number;
  readonly framesMade: number;
  readonly ends: Readonly<Record<string, number>>;
  readonly connections: number;
}

async function startService({ stallTimeoutMs }: { readonly stallTimeoutMs: number }) {
  const program = fileURLToPath(new URL('_streaming-service.ts', import.meta.url));
  const child = spawn(process.execPath, [program, String(stallTimeoutMs)], { stdio: ['ignore', 'pipe', 'inherit'] });
  cleanups.push(() => child.kill('SIGKILL'));
  const [line] = await once(child.stdout, 'data');
  const port = Number(String(line));
  const url = `http://127.0.0.1:${port}`;

  /** Asks for a stream, and takes no more of it than the connection takes by itself. */
  async function startReader(): Promise<Socket> {
    const socket = connect(port, '127.0.0.1');
    cleanups.push(() => socket.destroy());
    await once(socket, 'connect');
    socket.write(`GET /endless HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n`);
    return socket;
  }
  return {
    url,
    startReader,
    startReaders: () => Promise.all(Array.from({ length: READERS }, startReader)),
    figures: async (): Promise<Figures> => (await fetch(`${url}/figures`)).json() as Promise<Figures>,
  };
}

type Service = Awaited<ReturnType<typeof startService>>;

/** Until nobody takes anything any more. */
function untilStalled({ figures }: Service): Promise<Figures> {
  let before = -1;
  return vi.waitFor(
    async () => {
      const now = await figures();
      const hasMoved = now.framesMade !== before;
      before = now.framesMade;
      expect(hasMoved).toBe(false);
      return now;
    },
    { timeout: 30_000, interval: 300 },
  );
}

function untilCut({ figures }: Service, count: number): Promise<Figures> {
  return vi.waitFor(
    async () => {
      const now = await figures();
      expect(now.ends).toEqual({ slow_reader: count });
      return now;
    },
    { timeout: 30_000, interval: 50 },
  );
}

async function readOn(socket: Socket): Promise<string> {
  let text = '';
  socket.setEncoding('latin1').on('data', (piece) => {
    text += piece;
  });
  await once(socket, 'close');
  return text;
}

describe('readers that take nothing', () => {
  it(`cost little memory each, and another reader nothing: ${READERS} of them`, async () => {
    const service = await startService({ stallTimeoutMs: 600_000 });
    await (await fetch(`${service.url}/short`)).text();
    const before = await service.figures();
    await service.startReaders();
    const stalled = await untilStalled(service);
    expect(stalled.connections).toBeGreaterThanOrEqual(READERS);
    // Each had far more to take than it may cost.
    expect((stalled.framesMade * FRAME_BYTES) / READERS).toBeGreaterThan(2 * MAX_BYTES_EACH);
    expect((stalled.bytes - before.bytes) / READERS).toBeLessThan(MAX_BYTES_EACH);

    const read = await (await fetch(`${service.url}/short`)).text();
    expect([...read.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id))).toEqual(Array.from({ length: 1_000 }, (_, index) => index + 1));
    expect((await service.figures()).ends).toEqual({ whole: 2 });
  }, 60_000);

  it(`are cut off, and their connections closed under what they have not taken: ${READERS} of them`, async () => {
    const service = await startService({ stallTimeoutMs: 500 });
    const before = await service.figures();
    const [first] = await service.startReaders();
    await untilCut(service, READERS);
    await vi.waitFor(
      async () => {
        const now = await service.figures();
        expect(now.connections).toBeLessThan(5);
        expect((now.bytes - before.bytes) / READERS).toBeLessThan(MAX_BYTES_EACH / 16);
      },
      { timeout: 10_000, interval: 100 },
    );
    // Broken off, and not ended: nobody can take it for the whole.
    expect((await readOn(first!)).endsWith('\r\n0\r\n\r\n')).toBe(false);
  }, 60_000);

  it('are told why when they wake up in time', async () => {
    const service = await startService({ stallTimeoutMs: 500 });
    const reader = await service.startReader();
    await untilCut(service, 1);
    const text = await readOn(reader);
    const [, lastFrame] = /data: (\{"error".*\})\n\n\r\n0\r\n\r\n$/.exec(text) ?? [];
    expect(JSON.parse(lastFrame ?? '{}')).toMatchObject({ error: { code: 'slow_reader', message: expect.stringContaining('after_seq') } });
  });
});
