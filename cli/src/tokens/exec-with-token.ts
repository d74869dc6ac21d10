import { isActionHandle } from '@rubot/bearer/api-token';
import { ActionBearerResponse, type RedeemActionHandle } from '@rubot/contracts/api-tokens';
import { type ClientScope, coversScopes } from '@rubot/contracts/scopes';
import { RubotError } from '@rubot/errors';
import { createAdminClient } from '../admin/admin-client.ts';
import type { CliContext } from '../context.ts';
import { runChild } from './run-child.ts';
import { openTokenStore, type StoredToken } from './token-store.ts';

export interface ExecOptions {
  readonly handle: string;
  readonly actionId: string;
  readonly scopes: readonly ClientScope[];
  readonly ttl: number;
  readonly variable: string;
  readonly pass: readonly string[];
}

/** What a program needs of this machine to run at all; the rest of our environment is nobody else's business. */
const KEPT = /^(?:PATH|HOME|LANG|LC_[A-Z]+|TZ|TMPDIR|TERM)$/;
const TIMEOUT_MS = 30_000;

/** Runs a command that holds, in its environment alone, a bearer that can do no more than was asked for. @returns its exit status */
export async function execWithToken(context: CliContext, command: readonly string[], options: ExecOptions): Promise<number> {
  const [program = '', ...parameters] = command;
  const passed = readPassed(context, options);
  const stored = await findToken(context, options);
  const bearer = await redeem(context, stored, options);
  const environment = {
    ...pickKept(context),
    ...passed,
    RUBOT_GATEWAY_URL: stored.gateway_url,
    OPENAI_BASE_URL: `${stored.gateway_url}/v1`,
    [options.variable]: bearer,
  };
  return runChild({ command: program, parameters, environment, workingDirectory: context.workingDirectory });
}

function pickKept({ environment }: CliContext): Record<string, string> {
  const entries = Object.entries(environment).flatMap(([name, value]) => (KEPT.test(name) && value !== undefined ? [[name, value]] : []));
  return Object.fromEntries(entries);
}

function readPassed({ environment }: CliContext, { pass }: ExecOptions): Record<string, string> {
  const entries = pass.map((name) => {
    const value = environment[name];
    if (value === undefined) throw new RubotError('invalid_request', `${name} is not set, so that it cannot be passed on.`);
    return [name, value] as const;
  });
  return Object.fromEntries(entries);
}

async function findToken(context: CliContext, { handle, actionId, scopes }: ExecOptions): Promise<StoredToken> {
  const store = openTokenStore(context);
  const stored = await store.find(handle);
  if (stored === undefined) throw isActionHandle(handle) ? keptElsewhere(store.folder) : noHandle();
  if (stored.action_id !== actionId)
    throw new RubotError('forbidden', `The handle is for the action ${stored.action_id}, and not for ${actionId}.`);
  if (!coversScopes(stored.scopes, scopes)) {
    throw new RubotError(
      'forbidden',
      `The handle has these scopes and no others: ${stored.scopes.join(', ')}. Ask for fewer, or issue another token.`,
    );
  }
  return stored;
}

function noHandle(): RubotError {
  return new RubotError('invalid_request', 'This is no whole handle: it begins with rbh_, and its end is a checksum. Copy it again.');
}

function keptElsewhere(folder: string): RubotError {
  return new RubotError(
    'not_found',
    `The handle is none of those in ${folder}. It can be used where its token was issued, and nowhere else.`,
  );
}

/** The token goes to the gateway that it is of, and nowhere else. */
async function redeem({ fetch }: CliContext, stored: StoredToken, { handle, actionId, scopes, ttl }: ExecOptions): Promise<string> {
  const client = createAdminClient(fetch, { gatewayUrl: stored.gateway_url, apiKey: stored.token, timeoutMs: TIMEOUT_MS });
  const body: RedeemActionHandle = { handle, action_id: actionId, scopes: [...scopes], ttl_seconds: ttl };
  try {
    return (await client.ask(ActionBearerResponse, { method: 'POST', path: '/v1/action-bearers', body })).bearer;
  } catch (thrown) {
    if (!RubotError.is(thrown) || thrown.code !== 'invalid_api_key') throw thrown;
    const message = `The token behind the handle, ${stored.token_id}, opens nothing any more: it was revoked, or it has ended (${stored.expires_at}). Issue another.`;
    throw new RubotError('invalid_api_key', message, { cause: thrown });
  }
}
