import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { LogLine } from '@rubot/contracts/log';
import { onTestFinished, vi } from 'vitest';
import { AGENT_KEY, findFreePort, GATEWAY_KEY, gatewayHeaders } from './_harness.ts';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

export interface Service {
  readonly process: ChildProcess;
  readonly lines: LogLine[];
  readonly exited: Promise<unknown[]>;
  stderr(): string;
}

/** The program as its host runs it, with this environment and no other. */
export function startMain(env: Record<string, string>): Service {
  const child = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const lines: LogLine[] = [];
  let stderr = '';
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(LogLine.parse(JSON.parse(line))));
  child.stderr.on('data', (chunk) => {
    stderr += String(chunk);
  });
  return { process: child, lines, exited: once(child, 'exit'), stderr: () => stderr };
}

export interface Replica extends Service {
  readonly url: string;
  complete(runId: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
}

export interface ReplicaOptions {
  readonly databaseUrl: string;
  readonly registry: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
}

/** A process of its own, ready for requests. */
export async function startReplica({ databaseUrl, registry, env = {} }: ReplicaOptions): Promise<Replica> {
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}`;
  const service = startMain({
    GATEWAY_API_KEY: GATEWAY_KEY,
    ORCHESTRATOR_API_KEY: AGENT_KEY,
    AGENT_REGISTRY_JSON: JSON.stringify(registry),
    DATABASE_URL: databaseUrl,
    HOST: '127.0.0.1',
    PORT: String(port),
    LOG_LEVEL: 'debug',
    ...env,
  });
  await vi.waitFor(
    async () => {
      if ((await fetch(`${url}/readyz`)).status !== 200) throw new Error(service.stderr());
    },
    { timeout: 30_000, interval: 50 },
  );
  return {
    ...service,
    url,
    complete: (runId, body, headers = {}) =>
      fetch(`${url}/v1/chat/completions`, {
        method: 'POST',
        headers: { ...gatewayHeaders(), 'x-rubot-run-id': runId, ...headers },
        body: JSON.stringify(body),
      }),
  };
}
