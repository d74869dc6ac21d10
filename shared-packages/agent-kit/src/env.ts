import { parseEnv } from '@rubot/config/parse-env';
import { findPlainOrigins, type RotatingSecret, toRotatingSecret, type Variables, variable } from '@rubot/config/variable';
import { sharedVariables } from '@rubot/config/vars';
import type { LogSource } from '@rubot/logging';
import { chooseModel, findModelProblems, type ModelAccess, modelVariables, toModelAccess } from '@rubot/models/variables';
import type { Agent } from './define-agent.ts';

const commonVariables = {
  ENVIRONMENT: sharedVariables.ENVIRONMENT,
  DEPLOYMENT_HASH: sharedVariables.DEPLOYMENT_HASH,
  LOG_LEVEL: sharedVariables.LOG_LEVEL,
  PORT: sharedVariables.PORT,
  HOST: sharedVariables.HOST,
  ORCHESTRATOR_API_KEY: sharedVariables.ORCHESTRATOR_API_KEY,
  ORCHESTRATOR_API_KEY_PREVIOUS: sharedVariables.ORCHESTRATOR_API_KEY_PREVIOUS,
  MAX_BODY_BYTES: sharedVariables.MAX_BODY_BYTES,
  REQUEST_TIMEOUT_MS: sharedVariables.REQUEST_TIMEOUT_MS,
  ...modelVariables,
  DRAIN_TIMEOUT_MS: sharedVariables.DRAIN_TIMEOUT_MS,
} as const;

export interface AgentConfig {
  readonly logSource: LogSource;
  readonly host: string;
  readonly port: number;
  readonly maxBodyBytes: number;
  readonly requestTimeoutMs: number;
  readonly drainTimeoutMs: number;
  /** `provider/model` */
  readonly modelSpecifier: string;
  /** Set for agents that call tools of the middleware. */
  readonly middlewareUrl: string | undefined;
  readonly secrets: AgentSecrets;
}

/** Apart from the rest, so that the rest can be shown. */
export interface AgentSecrets {
  readonly orchestratorApiKey: RotatingSecret;
  readonly models: ModelAccess;
}

function toServiceName(agent: Agent): string {
  return `rubot-agent-${agent.id}`;
}

/** What an agent reads from its environment; the documentation is generated from it. */
export function agentVariables(agent: Agent): Variables {
  return {
    ...commonVariables,
    ...(usesMiddleware(agent) ? { MIDDLEWARE_URL: sharedVariables.MIDDLEWARE_URL } : {}),
    [toModelVariable(agent)]: variable(sharedVariables.MODEL_SPECIFIER.unwrap().optional(), {
      description: `The model of the agent "${agent.id}", where it shall differ from MODEL_SPECIFIER.`,
      example: 'openai/gpt-5-mini',
    }),
  };
}

/** @throws EnvironmentError naming every problem */
export function readAgentConfig(agent: Agent, source: Readonly<Record<string, unknown>>): AgentConfig {
  const service = toServiceName(agent);
  const modelVariable = toModelVariable(agent);
  const env = parseEnv({
    service,
    variables: agentVariables(agent) as AgentVariables,
    source,
    crossCheck: (parsed) => [
      ...findModelProblems(parsed, { variable: modelVariable, specifier: readText(parsed, modelVariable) }),
      ...findPlainOrigins(parsed.ENVIRONMENT, { MIDDLEWARE_URL: readText(parsed, 'MIDDLEWARE_URL') }),
    ],
  });
  return {
    logSource: { service, environment: env.ENVIRONMENT, deploymentHash: env.DEPLOYMENT_HASH, level: env.LOG_LEVEL },
    host: env.HOST,
    port: env.PORT,
    maxBodyBytes: env.MAX_BODY_BYTES,
    requestTimeoutMs: env.REQUEST_TIMEOUT_MS,
    drainTimeoutMs: env.DRAIN_TIMEOUT_MS,
    modelSpecifier: chooseModel(env, { variable: modelVariable, specifier: readText(env, modelVariable) }),
    middlewareUrl: readText(env, 'MIDDLEWARE_URL'),
    secrets: {
      orchestratorApiKey: toRotatingSecret(env.ORCHESTRATOR_API_KEY, env.ORCHESTRATOR_API_KEY_PREVIOUS),
      models: toModelAccess(env),
    },
  };
}

/** What every agent has; the rest differs by agent and is read by name. */
type AgentVariables = typeof commonVariables;

function usesMiddleware(agent: Agent): boolean {
  return agent.middlewareTools.length > 0;
}

function toModelVariable(agent: Agent): string {
  return `AGENT_${agent.id.toUpperCase().replaceAll('-', '_')}_MODEL`;
}

function readText(env: object, name: string): string | undefined {
  const value: unknown = Reflect.get(env, name);
  return typeof value === 'string' ? value : undefined;
}
