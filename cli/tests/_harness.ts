import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { DevFile } from '@rubot/contracts/dev-file';
import type { LogLine } from '@rubot/contracts/log';
import { runCli } from '../src/program.ts';

export const TRACE_ID = 'a1'.repeat(16);
export const RUN_ID = `run_${'b2'.repeat(16)}`;
export const LOCAL_KEY = 'local-gateway-key-0123456789abcdef-0123';
export const LOCAL_ADMIN_KEY = 'local-admin-key-0123456789abcdef-012345';

export interface Checkout {
  readonly directory: string;
  readonly logFile: string;
  /** Writes `.rubot/dev.json` of a stack whose gateway is at this URL. */
  writeDevFile(gatewayUrl: string): Promise<void>;
  remove(): Promise<void>;
}

export async function createCheckout(): Promise<Checkout> {
  const directory = await mkdtemp(join(tmpdir(), 'rubot-cli-'));
  const logFile = join(directory, '.rubot', 'rubot.ndjson');
  await mkdir(join(directory, '.rubot'));
  return {
    directory,
    logFile,
    async writeDevFile(gatewayUrl) {
      const devFile: DevFile = {
        pid: 1,
        gateway_url: gatewayUrl,
        middleware_url: 'http://127.0.0.1:1',
        orchestrator_url: 'http://127.0.0.1:2',
        agents: {},
        keys: { GATEWAY_API_KEY: LOCAL_KEY, ADMIN_API_KEY: LOCAL_ADMIN_KEY },
        demo: { tenant_id: 'demo', sender_id: 'demo-sender', session_id: 'demo-session' },
        log_file: logFile,
      };
      await writeFile(join(directory, '.rubot', 'dev.json'), JSON.stringify(devFile));
    },
    remove: () => rm(directory, { recursive: true }),
  };
}

export interface CliResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function run(parameters: readonly string[], directory: string, environment: Record<string, string> = {}): Promise<CliResult> {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const status = await runCli(parameters, {
    environment,
    workingDirectory: directory,
    stdout: { write: (chunk) => stdout.push(chunk) },
    stderr: { write: (chunk) => stderr.push(chunk) },
    fetch,
  });
  return { status, stdout: stdout.join(''), stderr: stderr.join('') };
}

type Handle = (request: { method: string; url: string; headers: IncomingHttpHeaders; body: string }, response: ServerResponse) => unknown;

/** A real server on a port of its own; it stands in for what is deployed elsewhere. */
export async function startServer(handle: Handle): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer(async (request, response) => {
    const body = await text(request);
    response.setHeader('connection', 'close');
    await handle({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body }, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await Promise.all([once(server, 'close'), server.close()]);
    },
  };
}

/** A whole trace from the gateway to an agent. */
export function toTraceLines(): readonly LogLine[] {
  const hops = ['rubot-gateway', 'rubot-orchestrator', 'rubot-agent-conversational'];
  const calls = hops.slice(1).flatMap((to, index) => toCall(hops[index] ?? '', to, `${index}0`, `${index + 1}0`));
  return [toSpan('rubot-gateway', 'server', '00', undefined), ...calls, ...toCall('rubot-gateway', 'rubot-middleware', '00', '90')];
}

function toCall(from: string, to: string, caller: string, callee: string): readonly LogLine[] {
  const call = `${callee.slice(0, 1)}f`;
  return [{ ...toSpan(from, 'client', call, caller, to) }, toSpan(to, 'server', callee, call)];
}

function toSpan(service: string, kind: string, id: string, parent: string | undefined, peer?: string): LogLine {
  return {
    timestamp: '2026-11-21T09:00:01.000Z',
    log_level: 'info',
    service,
    environment: 'development',
    deployment_hash: 'local',
    run_id: RUN_ID,
    trace_id: TRACE_ID,
    span_id: `${'0'.repeat(13)}1${id}`,
    ...(parent === undefined ? {} : { parent_span_id: `${'0'.repeat(13)}1${parent}` }),
    event_type: 'request.completed',
    message: 'request answered',
    duration_ms: 100,
    extra: { span_kind: kind, span_name: 'POST /v1/chat/completions', ...(peer === undefined ? {} : { peer }) },
  };
}

export function toText(lines: readonly LogLine[]): string {
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('');
}
