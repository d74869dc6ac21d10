import { z } from 'zod';
import type { ConnectionRow } from '../../store/connections.ts';
import { ConnectionConfig, NotOffered, ToolSnapshot } from './snapshot.ts';

/** A connection as it is kept, read again. */
export interface Connection {
  readonly tenantId: string;
  readonly providerId: string;
  readonly kind: ConnectionRow['kind'];
  readonly config: ConnectionConfig;
  readonly offered: readonly ToolSnapshot[];
  readonly notOffered: readonly NotOffered[];
  readonly dialect: unknown;
  readonly updatedAt: string;
  /** `undefined` where there is no credential. */
  readonly sealed: { readonly keyId: string; readonly box: string } | undefined;
}

const StoredTools = z.object({ offered: z.array(z.unknown()), not_offered: z.array(NotOffered), dialect: z.unknown().optional() });

/** @returns `undefined` for a row that is not ours; a single tool that is not is left out, so that it takes nothing from the others */
export function readConnection({ tenantId, providerId, kind, updatedAt, keyId, box, ...row }: ConnectionRow): Connection | undefined {
  const config = ConnectionConfig.safeParse(parseText(row.config));
  const tools = StoredTools.safeParse(parseText(row.tools));
  if (!config.success || !tools.success) return undefined;
  return {
    tenantId,
    providerId,
    kind,
    config: config.data,
    offered: tools.data.offered.flatMap((tool) => readTool(providerId, tool)),
    notOffered: tools.data.not_offered,
    dialect: tools.data.dialect,
    updatedAt,
    sealed: keyId === null || box === null ? undefined : { keyId, box },
  };
}

/** A name that another provider's tools have would be theirs in the eyes of a model. */
function readTool(providerId: string, value: unknown): readonly ToolSnapshot[] {
  const tool = ToolSnapshot.safeParse(value);
  return tool.success && tool.data.name.startsWith(`${providerId}_`) ? [tool.data] : [];
}

function parseText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
