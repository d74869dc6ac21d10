import { RubotError } from '@rubot/errors';
import type { ConnectionConfig, NotOffered, Snapshot, ToolSnapshot } from './snapshot.ts';
import { toToolName } from './tool-name.ts';

/** Something that an upstream can do, before what was wished of it is put to it. */
export interface Operation {
  readonly name: string;
  /** @throws CannotOffer with the reason */
  readonly describe: () => Pick<ToolSnapshot, 'description' | 'input_schema' | 'request'>;
  readonly effect: ToolSnapshot['effect'];
  readonly isIdempotent: boolean;
}

/** Why an operation is left out, for who connects the upstream. The others are offered all the same. */
export class CannotOffer extends Error {}

const MAX_TOOLS = 200;
/** The whole of it is read with each list and each call. */
const MAX_SNAPSHOT_CHARACTERS = 1_000_000;
/** What OpenAI takes at most. */
const MAX_DESCRIPTION_LENGTH = 1_024;

/**
 * The operations that models are offered, as the tenant's administrator wishes.
 *
 * @throws RubotError `invalid_request` when a wish names what is not there, when nothing can be offered, or too much
 */
export function collectTools(providerId: string, operations: readonly Operation[], config: ConnectionConfig): Omit<Snapshot, 'dialect'> {
  const names = new Set(operations.map(({ name }) => name));
  assertKnown(names, config.include ?? [], 'include');
  assertKnown(names, Object.keys(config.overrides), 'overrides');
  const wished = config.include === undefined ? operations : operations.filter(({ name }) => config.include?.includes(name));
  const offered = new Map<string, ToolSnapshot>();
  const notOffered: NotOffered[] = [];
  for (const operation of wished) {
    try {
      const tool = toTool(providerId, operation, config);
      if (offered.has(tool.name)) throw new CannotOffer(`another one has the name ${tool.name} already`);
      offered.set(tool.name, tool);
    } catch (thrown) {
      if (!(thrown instanceof CannotOffer)) throw thrown;
      notOffered.push({ name: operation.name, reason: thrown.message });
    }
  }
  const snapshot = { offered: [...offered.values()], not_offered: notOffered };
  assertSize(snapshot);
  return snapshot;
}

function toTool(providerId: string, operation: Operation, { overrides }: ConnectionConfig): ToolSnapshot {
  const override = overrides[operation.name] ?? {};
  const { description, ...described } = operation.describe();
  return {
    name: toToolName(providerId, operation.name),
    operation: operation.name,
    description: toDescription(description),
    effect: override.effect ?? operation.effect,
    needs_approval: override.needs_approval ?? false,
    is_idempotent: override.idempotent ?? operation.isIdempotent,
    ...described,
  };
}

/** Without what a person who reviews it would not see: control characters, marks of direction, invisible letters. */
function toDescription(text: string): string {
  return text
    .toWellFormed()
    .replace(/[^\P{C}\n]/gu, ' ')
    .trim()
    .slice(0, MAX_DESCRIPTION_LENGTH)
    .toWellFormed();
}

function assertKnown(names: ReadonlySet<string>, wished: readonly string[], param: string): void {
  const unknown = wished.filter((name) => !names.has(name));
  if (unknown.length === 0) return;
  throw new RubotError(
    'invalid_request',
    `The upstream has no ${unknown.slice(0, 5).join(', ')}. It has: ${[...names].slice(0, 100).join(', ')}.`,
    { param },
  );
}

function assertSize({ offered, not_offered: notOffered }: Omit<Snapshot, 'dialect'>): void {
  if (offered.length === 0) {
    const reasons = notOffered.slice(0, 5).map(({ name, reason }) => `${name}: ${reason}`);
    throw new RubotError('invalid_request', ['The upstream has nothing that can be offered.', ...reasons].join(' '));
  }
  if (offered.length <= MAX_TOOLS && JSON.stringify([offered, notOffered]).length <= MAX_SNAPSHOT_CHARACTERS) return;
  throw new RubotError(
    'invalid_request',
    `The upstream has more than is kept: ${offered.length} tools, of at most ${MAX_TOOLS} and ${MAX_SNAPSHOT_CHARACTERS} characters. Name those to offer in include.`,
    { param: 'include' },
  );
}
