import { parseJson } from '@rubot/contracts/parse-json';
import { RubotError } from '@rubot/errors';
import { fromOpenAiResponse } from '@rubot/errors/from-openai';
import type { z } from 'zod';
import type { CliContext } from '../context.ts';
import { type SendTarget, send } from '../send.ts';
import { chooseGateway, type GatewayOptions, requireAdminKey } from './choose-gateway.ts';

export interface AdminRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
}

/** A gateway that is asked by who administers it. Its methods throw RubotError in words for the person who runs the command. */
export interface AdminClient {
  readonly gatewayUrl: string;
  /** An answer of a known shape. */
  ask<Schema extends z.ZodType>(schema: Schema, request: AdminRequest): Promise<z.output<Schema>>;
  /** An answer as text, or none: of which only its success matters. */
  askText(request: AdminRequest): Promise<string>;
}

export interface AdminTarget extends SendTarget {
  readonly apiKey: string;
}

const TIMEOUT_MS = 30_000;

/** The client of the gateway that the options choose. */
export function findAdminClient(context: CliContext, options: GatewayOptions): AdminClient {
  const chosen = chooseGateway(context, options);
  return createAdminClient(context.fetch, { gatewayUrl: chosen.url, apiKey: requireAdminKey(chosen), timeoutMs: TIMEOUT_MS });
}

export function createAdminClient(fetch: typeof globalThis.fetch, target: AdminTarget): AdminClient {
  async function askText({ method = 'GET', path, body }: AdminRequest): Promise<string> {
    const { response, text } = await send(fetch, target, path, {
      method,
      headers: { authorization: `Bearer ${target.apiKey}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (response.ok) return text;
    const { code, message } = fromOpenAiResponse(response, text, target.gatewayUrl);
    throw new RubotError(code, `${path.split('?')[0]} answered ${response.status}, ${code}: ${message}`);
  }

  return {
    gatewayUrl: target.gatewayUrl,
    askText,
    async ask(schema, request) {
      const result = schema.safeParse(parseJson(await askText(request)));
      if (result.success) return result.data;
      throw new RubotError(
        'upstream_failed',
        `${request.path} answered something that is not rubot’s. Is ${target.gatewayUrl} a rubot gateway?`,
      );
    },
  };
}
