import { RubotError } from '@rubot/errors';
import type { ReadTool, WriteTool } from '../../providers/provider.ts';
import type { TenantData, ToolEffect } from '../../store/tenant-data.ts';
import { fingerprintCall } from './fingerprint.ts';

export interface ToolCallOutcome {
  readonly result: unknown;
  /** The effect happened in an earlier call with the same key. */
  readonly isReplay: boolean;
}

export interface WriteCall {
  readonly tool: WriteTool;
  readonly input: unknown;
  readonly idempotencyKey: string;
}

export async function callReadTool(data: TenantData, tool: ReadTool, input: unknown, signal: AbortSignal): Promise<ToolCallOutcome> {
  return { result: await tool.call(data, input, signal), isReplay: false };
}

/**
 * Has the effect exactly once for its key. It is made together with the record of the call, which the key makes
 * unique, so of any number of copies one commits. Whatever stops the others (the record that is there already, a
 * table that the first copy has just created, an answer of the database that was lost), the record then tells.
 *
 * @throws RubotError `idempotency_mismatch` when the key was used for another call
 */
export async function callWriteTool(data: TenantData, call: WriteCall): Promise<ToolCallOutcome> {
  const fingerprint = await fingerprintCall(call.tool.name, call.input);
  try {
    return { result: await makeEffect(data, call, fingerprint), isReplay: false };
  } catch (thrown) {
    const effect = await data.findEffect(call.idempotencyKey);
    if (effect === undefined) throw thrown;
    assertSameCall(effect, fingerprint);
    return { result: effect.result, isReplay: true };
  }
}

/** @throws RubotError `idempotency_mismatch` */
export function assertSameCall({ tool, fingerprint }: Pick<ToolEffect, 'tool' | 'fingerprint'>, repeated: string): void {
  if (fingerprint === repeated) return;
  throw new RubotError(
    'idempotency_mismatch',
    `This idempotency key was used for another call, of ${tool}. Send a new key with a new call.`,
    {
      param: 'idempotency-key',
    },
  );
}

async function makeEffect(data: TenantData, { tool, input, idempotencyKey }: WriteCall, fingerprint: string): Promise<unknown> {
  const { result, statements, conflictMessage } = await tool.plan(data, input);
  try {
    await data.commit((database) => ({ idempotencyKey, tool: tool.name, fingerprint, result, statements: statements(database) }));
  } catch (thrown) {
    if (!RubotError.is(thrown) || thrown.code !== 'conflict') throw thrown;
    throw new RubotError('conflict', conflictMessage, { cause: thrown });
  }
  return result;
}
