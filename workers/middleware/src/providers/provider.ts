import type { ToolEffect } from '@rubot/contracts/data';
import type { RubotError } from '@rubot/errors';
import { parseInput } from '@rubot/http/parse';
import { z } from 'zod';
import type { Database, Statement } from '../store/database.ts';
import type { TenantData } from '../store/tenant-data.ts';

/** Something that holds data of a tenant and offers tools over it: a part of rubot, or an upstream that the tenant connects. */
export interface Provider {
  readonly id: string;
  /** What the tenant has given rubot to be let in there; `none` for what lies in rubot itself. */
  readonly auth: string;
  /** False for an upstream of which nothing can be read that was kept: it has to be saved anew. */
  readonly isConnected: boolean;
  readonly tools: readonly Tool[];
}

interface ToolBase {
  /** What models call it by; unique over all providers. */
  readonly name: string;
  /** Read by models. */
  readonly description: string;
  /** Told to who offers the tool to a model: a person has to agree to each call. Whether one did is not asked here. */
  readonly needsApproval?: boolean;
  /** JSON schema of the arguments, for models. */
  readonly inputSchema: Readonly<Record<string, unknown>>;
}

export interface ReadTool extends ToolBase {
  readonly kind: 'read';
  readonly effect: Extract<ToolEffect, 'read'>;
  /** @param signal aborts when nobody waits for the answer any more */
  call(data: TenantData, input: unknown, signal: AbortSignal): Promise<unknown>;
}

/** Writes nothing itself: it says what is to be written, and that is done together with the record of the call. */
export interface WriteTool extends ToolBase {
  readonly kind: 'write';
  readonly effect: Extract<ToolEffect, 'write'>;
  plan(data: TenantData, input: unknown): Promise<PlannedWrite>;
}

export interface PlannedWrite {
  readonly result: unknown;
  readonly statements: (database: Database) => readonly Statement[];
  /** What to tell the caller when a constraint refuses the statements, as something else was quicker. */
  readonly conflictMessage: string;
}

/** Has its effect in another system, which no transaction of ours covers: what is known of it is written down before and after. */
export interface OutgoingTool extends ToolBase {
  readonly kind: 'outgoing';
  readonly effect: Extract<ToolEffect, 'write'>;
  /** The other system has the effect once, however often it is asked. */
  readonly isIdempotent: boolean;
  /** Everything that can be refused here. @throws RubotError before anything has gone out */
  prepare(input: unknown): Promise<OutgoingWrite>;
}

export interface OutgoingWrite {
  /** Asks the other system, and tells of every failure as what it says about the effect. Does not throw. */
  send(idempotencyKey: string): Promise<SentEffect>;
}

export type SentEffect =
  | { readonly outcome: 'done'; readonly result: unknown }
  /** It has certainly not happened. */
  | { readonly outcome: 'refused'; readonly error: RubotError }
  /** It may have happened, and nobody can tell. */
  | { readonly outcome: 'unknown'; readonly error: RubotError };

export type Tool = ReadTool | WriteTool | OutgoingTool;

interface Definition<Input extends z.ZodType> extends Omit<ToolBase, 'inputSchema'> {
  readonly input: Input;
}

interface ReadToolDefinition<Input extends z.ZodType> extends Definition<Input> {
  readonly call: (data: TenantData, input: z.output<Input>) => Promise<unknown>;
}

interface WriteToolDefinition<Input extends z.ZodType> extends Definition<Input> {
  readonly plan: (data: TenantData, input: z.output<Input>) => Promise<PlannedWrite>;
}

/** `call` gets the arguments parsed, and refuses those that do not fit `input`. */
export function defineReadTool<Input extends z.ZodType>({ input: schema, call, ...base }: ReadToolDefinition<Input>): ReadTool {
  return {
    ...base,
    kind: 'read',
    effect: 'read',
    inputSchema: toInputSchema(schema),
    call: async (data, input) => call(data, parseInput(schema, input)),
  };
}

/** `plan` gets the arguments parsed, and refuses those that do not fit `input`. */
export function defineWriteTool<Input extends z.ZodType>({ input: schema, plan, ...base }: WriteToolDefinition<Input>): WriteTool {
  return {
    ...base,
    kind: 'write',
    effect: 'write',
    inputSchema: toInputSchema(schema),
    plan: async (data, input) => plan(data, parseInput(schema, input)),
  };
}

function toInputSchema(schema: z.ZodType): Readonly<Record<string, unknown>> {
  return z.toJSONSchema(schema, { io: 'input', target: 'draft-7' });
}
