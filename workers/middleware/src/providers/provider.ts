import type { ToolEffect } from '@rubot/contracts/data';
import { parseInput } from '@rubot/http/parse';
import type { z } from 'zod';
import type { Database, Statement } from '../store/database.ts';
import type { TenantData } from '../store/tenant-data.ts';

/** Something that holds data of a tenant and offers tools over it. */
export interface Provider {
  readonly id: string;
  /** How a tenant connects it. `none`: it needs no connecting, its data lies in rubot itself. */
  readonly auth: 'none';
  readonly tools: readonly Tool[];
}

interface ToolBase {
  /** What models call it by; unique over all providers. */
  readonly name: string;
  /** Read by models. */
  readonly description: string;
  /** Told to who offers the tool to a model: a person has to agree to each call. Whether one did is not asked here. */
  readonly needsApproval?: boolean;
  readonly input: z.ZodType;
}

export interface ReadTool extends ToolBase {
  readonly effect: Extract<ToolEffect, 'read'>;
  call(data: TenantData, input: unknown): Promise<unknown>;
}

/** Writes nothing itself: it says what is to be written, and that is done together with the record of the call. */
export interface WriteTool extends ToolBase {
  readonly effect: Extract<ToolEffect, 'write'>;
  plan(data: TenantData, input: unknown): Promise<PlannedWrite>;
}

export interface PlannedWrite {
  readonly result: unknown;
  readonly statements: (database: Database) => readonly Statement[];
  /** What to tell the caller when a constraint refuses the statements, as something else was quicker. */
  readonly conflictMessage: string;
}

export type Tool = ReadTool | WriteTool;

interface ReadToolDefinition<Input extends z.ZodType> extends Omit<ToolBase, 'input'> {
  readonly input: Input;
  readonly call: (data: TenantData, input: z.output<Input>) => Promise<unknown>;
}

interface WriteToolDefinition<Input extends z.ZodType> extends Omit<ToolBase, 'input'> {
  readonly input: Input;
  readonly plan: (data: TenantData, input: z.output<Input>) => Promise<PlannedWrite>;
}

/** `call` gets the arguments parsed, and refuses those that do not fit `input`. */
export function defineReadTool<Input extends z.ZodType>(definition: ReadToolDefinition<Input>): ReadTool {
  return {
    ...definition,
    effect: 'read',
    call: async (data, input) => definition.call(data, parseInput(definition.input, input)),
  };
}

/** `plan` gets the arguments parsed, and refuses those that do not fit `input`. */
export function defineWriteTool<Input extends z.ZodType>(definition: WriteToolDefinition<Input>): WriteTool {
  return {
    ...definition,
    effect: 'write',
    plan: async (data, input) => definition.plan(data, parseInput(definition.input, input)),
  };
}
