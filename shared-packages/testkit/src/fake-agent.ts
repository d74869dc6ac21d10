import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Capabilities, type SlotType, STEP_EVENT, type StepEvent } from '@rubot/contracts/agent';
import { closeServer, createExchange, type ModelExchange, readBody } from './model-upstream.ts';

/** What a test makes an agent do with one completion; `followPlan` is one that keeps the whole contract by itself. */
export type AgentScript = (exchange: ModelExchange) => Promise<void> | void;

/** An agent on a real socket that speaks the agent contract and does what a test tells it. */
export interface FakeAgent {
  readonly id: string;
  readonly origin: string;
  /** Every completion so far, oldest first. */
  readonly completions: readonly ModelExchange[];
  /** Paths of every request so far, with how often each was asked for. */
  readonly counts: ReadonlyMap<string, number>;
  /** How many connections were ever made to it. */
  readonly connectionCount: () => number;
  /** Replaces what happens to every completion from now on. */
  onCompletion(script: AgentScript): void;
  /** Resolves with the next completion that is not yet taken by this function. */
  nextCompletion(): Promise<ModelExchange>;
  /** Replaces what `GET /v1/capabilities` answers; `hang` leaves the caller without an answer. */
  onCapabilities(answer: CapabilitiesAnswer): void;
  /** The status that `GET /readyz` answers from now on; `hang` leaves the caller without an answer. */
  setReadiness(status: number | 'hang'): void;
  close(): Promise<void>;
}

export type CapabilitiesAnswer = { readonly status: number; readonly body: unknown } | 'hang';

export interface StartFakeAgentOptions {
  readonly id: string;
  readonly name?: string;
  readonly summary?: string;
  /** What its runs take of a worker, as its capabilities tell it. */
  readonly slotType?: SlotType;
  /** To come back where an agent stood before; any free port otherwise. */
  readonly port?: number;
}

export async function startFakeAgent(options: StartFakeAgentOptions): Promise<FakeAgent> {
  const { id, name = id, summary = `Knows ${id}.`, slotType = 'cpu', port = 0 } = options;
  const completions: ModelExchange[] = [];
  const waiting: ((exchange: ModelExchange) => void)[] = [];
  const counts = new Map<string, number>();
  const described: Capabilities = { schema_version: '1', source_id: id, name, summary, tools: [], slot_type: slotType };
  let script: AgentScript = (exchange) => exchange.answer({ text: `answer of ${id}` });
  let capabilities: CapabilitiesAnswer = { status: 200, body: described };
  let readiness: number | 'hang' = 200;
  let connections = 0;
  let taken = 0;

  async function complete(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const exchange = createExchange(request, response, await readBody(request));
    completions.push(exchange);
    const waiter = waiting.shift();
    if (waiter !== undefined) {
      taken += 1;
      waiter(exchange);
    }
    await script(exchange);
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '';
    counts.set(path, (counts.get(path) ?? 0) + 1);
    if (path === '/v1/chat/completions') return complete(request, response);
    const isReadiness = path === '/readyz';
    const answer = isReadiness ? toReadiness(readiness) : capabilities;
    if (answer === 'hang') return;
    const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body);
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(text);
  }

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : new Error(String(error))));
  });
  server.on('connection', () => {
    connections += 1;
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    id,
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    completions,
    counts,
    connectionCount: () => connections,
    onCompletion(replacement) {
      script = replacement;
    },
    nextCompletion() {
      const known = completions[taken];
      if (known === undefined) return new Promise((resolve) => waiting.push(resolve));
      taken += 1;
      return Promise.resolve(known);
    },
    onCapabilities(answer) {
      capabilities = answer;
    },
    setReadiness(status) {
      readiness = status;
    },
    close: () => closeServer(server),
  };
}

/** The event that an agent sends after each finished step, when it was asked for steps. */
export function toStepFrame(step: StepEvent): string {
  return `event: ${STEP_EVENT}\ndata: ${JSON.stringify(step)}\n\n`;
}

function toReadiness(status: number | 'hang'): CapabilitiesAnswer {
  return status === 'hang' ? status : { status, body: { status: status === 200 ? 'ready' : 'not_ready' } };
}
