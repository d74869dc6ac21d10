import { DeadLetterList, RedriveReport } from '@rubot/contracts/dead-letters';
import { ErrorBody } from '@rubot/contracts/error';
import { RubotError } from '@rubot/errors';
import type { z } from 'zod';
import { parseJson } from '../parse-json.ts';
import { type SendTarget, send } from '../send.ts';

/** A gateway that is asked by its operator. */
export interface OperatorTarget extends SendTarget {
  readonly apiKey: string;
}

export interface Operator {
  listDeadLetters(query: { readonly limit: number; readonly cursor?: string }): Promise<DeadLetterList>;
  redrive(runIds: readonly string[]): Promise<RedriveReport>;
}

/** Its methods throw RubotError in words for the person who runs the command. */
export function createOperator(fetch: typeof globalThis.fetch, target: OperatorTarget): Operator {
  async function ask<Schema extends z.ZodType>(schema: Schema, path: string, body?: unknown): Promise<z.output<Schema>> {
    const { response, text } = await send(fetch, target, path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${target.apiKey}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer = parseJson(text);
    if (response.status !== 200) throw toRefusal(path, response.status, answer);
    const result = schema.safeParse(answer);
    if (result.success) return result.data;
    throw new RubotError('upstream_failed', `${path} answered something that is not rubot’s. Is ${target.gatewayUrl} a rubot gateway?`);
  }

  return {
    listDeadLetters({ limit, cursor }) {
      const query = new URLSearchParams({ limit: String(limit), ...(cursor === undefined ? {} : { cursor }) });
      return ask(DeadLetterList, `/admin/dead-letters?${query}`);
    },
    redrive: (runIds) => ask(RedriveReport, '/admin/dead-letters/redrive', { run_ids: runIds }),
  };
}

function toRefusal(path: string, status: number, answer: unknown): RubotError {
  const error = ErrorBody.safeParse(answer);
  const said = error.success ? `${error.data.error.code}: ${error.data.error.message}` : 'something that is not rubot’s';
  return new RubotError('upstream_failed', `${path} answered ${status}, ${said}`);
}
