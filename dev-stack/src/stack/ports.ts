import { once } from 'node:events';
import { createServer } from 'node:net';
import { StackError } from './stack-error.ts';

/** Below 32768, where Linux begins to hand out ports of its own accord, so that a port stays free while its service restarts. */
const FIRST_PORT = 20_000;
const LAST_PORT = 32_000;

/** Free ports on loopback, one a name. */
export async function findPorts<Name extends string>(names: readonly Name[]): Promise<Readonly<Record<Name, number>>> {
  const ports = new Map<Name, number>();
  // A start at random keeps stacks that boot at the same moment apart.
  let candidate = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));
  for (const name of names) {
    for (candidate = nextPort(candidate); !(await isFree(candidate)); ) candidate = nextPort(candidate);
    ports.set(name, candidate);
  }
  return Object.fromEntries(ports) as Record<Name, number>;
}

function nextPort(port: number): number {
  return port < LAST_PORT ? port + 1 : FIRST_PORT;
}

/** @throws StackError that says how to choose another port */
export async function assertFree(port: number): Promise<void> {
  if (await isFree(port)) return;
  throw new StackError(`Port ${port} is taken. Stop what listens there, or choose another: npm start -- --port ${port + 1}`);
}

export async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    if (server.listening) {
      server.close();
      await once(server, 'close');
    }
  }
}
