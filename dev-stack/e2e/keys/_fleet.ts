import { type ModelUpstream, startModelUpstream } from '@rubot/testkit/model-upstream';
import { type RunningPostgres, startPostgres } from '@rubot/testkit/postgres/start-postgres';
import { type RunningWorkers, startWorkers, type WorkerToStart } from '@rubot/testkit/workerd/start-workers';
import { type Deployable, findDeployables } from '../../src/docs/find-deployables.ts';
import { type ProcessEnd, type RunningProcess, startProcess } from '../../src/processes/start-process.ts';
import { REPOSITORY } from '../../src/repository.ts';
import { findPorts } from '../../src/stack/ports.ts';
import { type HopProxy, startHopProxy } from '../_hop-proxy.ts';
import { PHASES, type Phase, type RotatedSecrets, toSecretVariables } from './_rotation-plan.ts';
import { startWarehouse, type Warehouse } from './_warehouse.ts';

const WORKERS = ['middleware', 'gateway'] as const;
const SERVICES = ['agent-tables', 'orchestrator'] as const;
export const MEMBERS = [...WORKERS, ...SERVICES];
export type Member = (typeof MEMBERS)[number];

/** The platform as it stands while it is rolled out anew: of each deployable, before and after, each behind one address. */
export interface Fleet {
  readonly model: ModelUpstream;
  readonly warehouse: Warehouse;
  readonly workers: RunningWorkers;
  urlOf(member: Member): string;
  /** Both versions answer, by chance, until `both` has seen enough; then the new one alone. A process that is replaced is asked to stop. */
  rollOut(member: Member, phase: Phase, both: () => Promise<void>): Promise<void>;
  /** How the processes ended that were replaced, once all have. */
  untilDrained(): Promise<readonly ProcessEnd[]>;
  readonly lines: readonly string[];
  stop(): Promise<void>;
}

/** Where each version of a Worker goes by its own name. */
function toVersion(worker: string, phase: Phase): string {
  return `${worker}-${phase}`;
}

export async function startFleet(secrets: RotatedSecrets): Promise<Fleet> {
  const deployables = await findDeployables(REPOSITORY);
  const lines: string[] = [];
  const onLine = (line: string) => lines.push(line);
  const [postgres, model, warehouse, ...proxies] = await Promise.all([
    startPostgres(),
    startModelUpstream(),
    startWarehouse(),
    ...MEMBERS.map(() => startHopProxy()),
  ]);
  const fronts = new Map(MEMBERS.map((member, index) => [member, proxies[index] as HopProxy]));
  const urlOf = (member: Member) => frontOf(member).origin;
  const workers = await startWorkers({
    workers: PHASES.flatMap((phase) => WORKERS.map((name) => planWorker(name, phase))),
    onLine,
    onNoise: onLine,
  });
  const running = new Map<Member, RunningProcess>();
  const draining: Promise<ProcessEnd>[] = [];

  function frontOf(member: Member): HopProxy {
    const front = fronts.get(member);
    if (front === undefined) throw new Error(`no front for ${member}`);
    return front;
  }

  function secretsOf(member: Member, phase: Phase): Record<string, string> {
    const { variables } = deployables.find(({ folder }) => folder.endsWith(`/${member}`)) as Deployable;
    return toSecretVariables(variables, secrets, phase);
  }

  function planWorker(name: (typeof WORKERS)[number], phase: Phase): WorkerToStart {
    const directory = new URL(`workers/${name}/`, REPOSITORY);
    const worker = { directory, name: toVersion(name, phase), variables: secretsOf(name, phase) };
    if (name === 'middleware') return { ...worker, variables: { ...worker.variables, OUTBOUND_PRIVATE_HOSTS: warehouse.host } };
    const variables = { ...worker.variables, ORCHESTRATOR_URL: urlOf('orchestrator'), LINK_URL: 'https://app.test/link' };
    // A binding leads to whichever version is deployed, as the front does.
    return { ...worker, variables, standIns: { MIDDLEWARE: (request) => sendTo(urlOf('middleware'), request) } };
  }

  /** @returns where it listens */
  async function startVersion(member: Member, phase: Phase): Promise<string> {
    if (member === 'middleware' || member === 'gateway') return workers.urlOf(toVersion(member, phase));
    const { port } = await findPorts(['port']);
    const environment = {
      ...planService(member, { urlOf, model, postgres }),
      ...secretsOf(member, phase),
      HOST: '127.0.0.1',
      PORT: String(port),
    };
    const entry = new URL(`services/${member}/src/main.ts`, REPOSITORY);
    const former = running.get(member);
    running.set(member, await startProcess({ name: `${member} (${phase})`, entry, environment, onLine, onNoise: onLine }));
    if (former !== undefined) replaced.set(member, former);
    return `http://127.0.0.1:${port}`;
  }

  const replaced = new Map<Member, RunningProcess>();
  const current = new Map<Member, string>();
  for (const member of MEMBERS) {
    current.set(member, await startVersion(member, 'before'));
    frontOf(member).forwardTo(current.get(member) ?? '');
  }

  return {
    model,
    warehouse,
    workers,
    lines,
    urlOf,
    async rollOut(member, phase, both) {
      const next = await startVersion(member, phase);
      frontOf(member).forwardTo(current.get(member) ?? '', next);
      await both();
      frontOf(member).forwardTo(next);
      current.set(member, next);
      const former = replaced.get(member);
      replaced.delete(member);
      if (former !== undefined) draining.push(former.kill('SIGTERM'));
    },
    untilDrained: () => Promise.all(draining),
    async stop() {
      await Promise.all([...running.values()].map((child) => child.stop()));
      await Promise.all([workers.stop(), model.close(), warehouse.close(), ...proxies.map((proxy) => proxy.close())]);
      await postgres.dispose();
    },
  };
}

interface Surroundings {
  readonly urlOf: (member: Member) => string;
  readonly model: ModelUpstream;
  readonly postgres: RunningPostgres;
}

function planService(member: (typeof SERVICES)[number], { urlOf, model, postgres }: Surroundings): Record<string, string> {
  const common = {
    MODEL_SPECIFIER: 'openai/test-model',
    OPENAI_API_KEY: 'sk-of-the-test',
    OPENAI_BASE_URL: model.url,
    // A process that is replaced has to finish what the test lets wait.
    DRAIN_TIMEOUT_MS: '120000',
  };
  if (member === 'agent-tables') return { ...common, MIDDLEWARE_URL: urlOf('middleware') };
  return {
    ...common,
    DATABASE_URL: postgres.url,
    GATEWAY_URL: urlOf('gateway'),
    AGENT_REGISTRY_JSON: JSON.stringify({ tables: urlOf('agent-tables') }),
    WORKER_SLOTS: '16',
  };
}

async function sendTo(origin: string, request: Request): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const body = request.body === null ? null : await request.arrayBuffer();
  return await fetch(new URL(pathname + search, origin), { method: request.method, headers: [...request.headers], body });
}
