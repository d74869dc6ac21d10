import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import type { DevFile } from '@rubot/contracts/dev-file';
import { RubotError } from '@rubot/errors';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { CliContext } from '../context.ts';
import { findDevFile, findStackOf } from '../dev-file.ts';
import { type CliConfig, readCliConfig } from '../env.ts';
import { parseGatewayUrl } from '../parse-gateway-url.ts';

export interface GatewayOptions {
  readonly gateway?: string;
  readonly env?: string;
}

export interface ChosenGateway {
  readonly url: string;
  readonly config: CliConfig;
  /** The local stack, where it is its gateway. */
  readonly stack: DevFile | undefined;
  /** What was read of the file of an environment, by which of its variables the process has its own. */
  readonly file: { readonly name: string; readonly overridden: readonly string[] } | undefined;
}

/** The environment that is the running stack of a checkout. */
const LOCAL = 'local';

export function addGatewayOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--gateway <url>', 'the gateway to ask (default: RUBOT_GATEWAY_URL, or the local stack’s)').argParser(parseGatewayUrl),
    )
    .addOption(
      new Option('--env <name>', 'the environment: local for the running stack, another to read .env.<name> of this folder')
        .argParser(parseEnvironmentName)
        .conflicts('gateway'),
    );
}

/** @throws RubotError `misconfigured`, EnvironmentError */
export function chooseGateway(context: CliContext, { gateway, env }: GatewayOptions): ChosenGateway {
  if (env !== undefined && env !== LOCAL) return chooseByFile(context, `.env.${env}`);
  const config = readCliConfig(context.environment);
  const url = env === LOCAL ? undefined : (gateway ?? config.gatewayUrl);
  const stack = url === undefined ? findDevFile(context.workingDirectory) : findStackOf(context.workingDirectory, url);
  const chosen = url ?? stack?.gateway_url;
  if (chosen !== undefined) return { url: new URL(chosen).origin, config, stack, file: undefined };
  throw new RubotError(
    'misconfigured',
    'There is no gateway to ask. Name one with --gateway or --env, or start a local stack with npm start.',
  );
}

/** What the process has is taken before what the file says, as everywhere. */
function chooseByFile(context: CliContext, name: string): ChosenGateway {
  const file = readEnvironmentFile(join(context.workingDirectory, name), name);
  const given = Object.fromEntries(Object.entries(context.environment).filter(([, value]) => value !== undefined && value !== ''));
  const config = readCliConfig({ ...file, ...given });
  if (config.gatewayUrl === undefined)
    throw new RubotError('misconfigured', `${name} has no RUBOT_GATEWAY_URL. Set it to the URL of that environment’s gateway.`);
  const overridden = Object.keys(file).filter((variable) => variable in given && given[variable] !== file[variable]);
  return { url: config.gatewayUrl, config, stack: undefined, file: { name, overridden } };
}

function readEnvironmentFile(path: string, name: string): NodeJS.Dict<string> {
  try {
    return parseEnv(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new RubotError(
      'misconfigured',
      `There is no ${name} to read in this folder. Write RUBOT_GATEWAY_URL and ADMIN_API_KEY of that environment into it.`,
      {
        cause,
      },
    );
  }
}

function parseEnvironmentName(text: string): string {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_-]{0,63}$/.test(text)) return text;
  throw new InvalidArgumentError('It must be a name such as local, staging or production.');
}

/** The operator's key, or the token of who administers one tenant. @throws RubotError `misconfigured` */
export function requireAdminKey({ url, config, stack }: ChosenGateway): string {
  const key = stack?.keys['ADMIN_API_KEY'] ?? config.adminApiKey ?? config.adminToken;
  if (key !== undefined) return key;
  throw new RubotError(
    'misconfigured',
    `ADMIN_API_KEY is not set. Set it to the operator’s key of ${url}, or RUBOT_ADMIN_TOKEN to an API token with a scope of admin:.`,
  );
}
