import { toPostgresUrl } from '@rubot/testkit/postgres/start-postgres';
import { HOSTED_POSTGRES_VARIABLE, type HostedPostgres } from '../processes/hosted-postgres.ts';
import { HOSTED_WORKERS_VARIABLE, type HostedWorkers } from '../processes/hosted-workers.ts';
import { REPOSITORY } from '../repository.ts';
import { findAgentIds } from './agents.ts';
import { completeKeys, type StackKeys } from './keys.ts';
import type { StackOptions } from './options.ts';
import { assertFree, findPorts } from './ports.ts';
import type { StackUrls } from './urls.ts';

export const WORKERS = 'workers';
export const ORCHESTRATOR = 'orchestrator';
export const POSTGRES = 'postgres';

/** One process of the stack, named as its folder is. */
export interface PlannedService {
  readonly name: string;
  readonly entry: URL;
  readonly environment: Readonly<Record<string, string>>;
}

/** What each service is planned from. */
interface Wiring {
  readonly options: StackOptions;
  readonly keys: StackKeys;
  /** Where each service listens. */
  readonly urls: StackUrls;
  /** Where the others are told to find it. */
  readonly peers: StackUrls;
}

export interface StackPlan {
  readonly keys: StackKeys;
  readonly urls: StackUrls;
  readonly services: ReadonlyMap<string, PlannedService>;
  readonly agentIds: readonly string[];
}

/** Where an unlinked sender of the local stack would be sent; there is no such page on this machine. */
const LINK_URL = 'https://app.example.com/link';
/** What a program needs of this machine to run at all, and to reach a model's provider. */
const MACHINE_VARIABLES = /^(?:PATH|HOME|TMPDIR|TZ|LANG|LC_ALL|NODE_EXTRA_CA_CERTS|(?:https?|no)_proxy)$/i;

/** Decides every port, key and variable before anything runs, as services name each other. */
export async function planStack(options: StackOptions, postgresDirectory: string): Promise<StackPlan> {
  const agentIds = options.orchestratorUrl === undefined ? (options.agents ?? findAgentIds()) : [];
  const ports = await findPorts(['gateway', 'middleware', POSTGRES, ORCHESTRATOR, ...agentIds.map(toFolder)]);
  if (options.gatewayPort !== undefined) await assertFree(options.gatewayPort);
  const urls: StackUrls = {
    gateway: toOrigin(options.gatewayPort ?? portOf(ports, 'gateway')),
    middleware: toOrigin(portOf(ports, 'middleware')),
    orchestrator: options.orchestratorUrl ?? toOrigin(portOf(ports, ORCHESTRATOR)),
    agents: Object.fromEntries(agentIds.map((id) => [id, toOrigin(portOf(ports, toFolder(id)))])),
  };
  const keys = options.keys ?? completeKeys({});
  const wiring: Wiring = { options, keys, urls, peers: options.reroute?.(urls) ?? urls };
  const services = [
    planWorkers(wiring),
    ...(options.orchestratorUrl === undefined ? planRuns(wiring, portOf(ports, POSTGRES), postgresDirectory) : []),
    ...agentIds.map((id) => planAgent(wiring, id)),
  ];
  return { keys, urls, agentIds, services: new Map(services.map((service) => [service.name, service])) };
}

export function toFolder(agentId: string): string {
  return `agent-${agentId}`;
}

function planWorkers({ options, keys, urls, peers }: Wiring): PlannedService {
  const { GATEWAY_API_KEY, ADMIN_API_KEY, MIDDLEWARE_API_KEY, BEARER_SIGNING_SECRET, ENCRYPTION_SECRET } = keys;
  const hosted: HostedWorkers = {
    ...(options.persistDirectory === undefined ? {} : { persistDirectory: options.persistDirectory }),
    workers: [
      toHosted(options, 'middleware', urls.middleware, { MIDDLEWARE_API_KEY, BEARER_SIGNING_SECRET, ENCRYPTION_SECRET }),
      toHosted(options, 'gateway', urls.gateway, {
        GATEWAY_API_KEY,
        ADMIN_API_KEY,
        MIDDLEWARE_API_KEY,
        BEARER_SIGNING_SECRET,
        ORCHESTRATOR_URL: peers.orchestrator,
        LINK_URL,
      }),
    ],
  };
  return {
    name: WORKERS,
    entry: new URL('../processes/workers-host.ts', import.meta.url),
    environment: { ...machineVariables(), [HOSTED_WORKERS_VARIABLE]: JSON.stringify(hosted) },
  };
}

function toHosted(options: StackOptions, folder: string, url: string, variables: Record<string, string>): HostedWorkers['workers'][number] {
  return {
    directory: new URL(`workers/${folder}/`, REPOSITORY).href,
    variables: { ...variables, ...options.variables?.[folder] },
    port: toPort(url),
  };
}

/** The orchestrator, and the database in which its runs outlive it. */
function planRuns(wiring: Wiring, postgresPort: number, postgresDirectory: string): readonly PlannedService[] {
  const { POSTGRES_PASSWORD: password } = wiring.keys;
  const hosted: HostedPostgres = {
    port: postgresPort,
    password,
    directory: postgresDirectory,
  };
  return [
    {
      name: POSTGRES,
      entry: new URL('../processes/postgres-host.ts', import.meta.url),
      environment: { ...machineVariables(), [HOSTED_POSTGRES_VARIABLE]: JSON.stringify(hosted) },
    },
    planOrchestrator(wiring, toPostgresUrl(postgresPort, password)),
  ];
}

function planOrchestrator({ options, keys, urls, peers }: Wiring, databaseUrl: string): PlannedService {
  const { GATEWAY_API_KEY, ORCHESTRATOR_API_KEY, METRICS_API_KEY } = keys;
  const registry = { ...peers.agents, ...options.extraAgents };
  return planService(options, ORCHESTRATOR, urls.orchestrator, {
    GATEWAY_API_KEY,
    ORCHESTRATOR_API_KEY,
    METRICS_API_KEY,
    DATABASE_URL: databaseUrl,
    GATEWAY_URL: urls.gateway,
    AGENT_REGISTRY_JSON: JSON.stringify(registry),
  });
}

function planAgent({ options, keys, urls, peers }: Wiring, id: string): PlannedService {
  const { ORCHESTRATOR_API_KEY } = keys;
  return planService(options, toFolder(id), urls.agents[id] ?? '', { ORCHESTRATOR_API_KEY, MIDDLEWARE_URL: peers.middleware });
}

function planService(options: StackOptions, folder: string, url: string, variables: Record<string, string>): PlannedService {
  return {
    name: folder,
    entry: new URL(`services/${folder}/src/main.ts`, REPOSITORY),
    environment: {
      ...machineVariables(),
      HOST: '127.0.0.1',
      PORT: String(toPort(url)),
      ...variables,
      ...options.modelVariables,
      ...options.variables?.[folder],
    },
  };
}

/** The rest of this process's environment stays here: a service sees what its deployment would give it. */
function machineVariables(): Record<string, string> {
  const entries = Object.entries(process.env).flatMap(([name, value]) =>
    MACHINE_VARIABLES.test(name) && value !== undefined ? [[name, value] as const] : [],
  );
  return Object.fromEntries(entries);
}

function portOf(ports: Readonly<Record<string, number>>, name: string): number {
  return ports[name] ?? 0;
}

/** A URL leaves out the port that its scheme implies. */
function toPort(origin: string): number {
  return Number(new URL(origin).port || 80);
}

function toOrigin(port: number): string {
  return `http://127.0.0.1:${port}`;
}
