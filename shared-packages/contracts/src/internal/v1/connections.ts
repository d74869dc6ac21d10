import { z } from 'zod';
import { ToolName } from '../../ids.ts';
import { TOOL_EFFECTS } from './data.ts';

const HeaderName = z.string().regex(/^[A-Za-z][A-Za-z0-9-]{0,63}$/, 'must be a header name');

/** How the credential of a connection is shown to the upstream. It stands in no other place than the request itself. */
export const ConnectionAuth = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('none') }),
  z.strictObject({ type: z.literal('bearer') }),
  z.strictObject({ type: z.literal('basic') }),
  z.strictObject({ type: z.literal('header'), name: HeaderName }),
]);
export type ConnectionAuth = z.infer<typeof ConnectionAuth>;

/** What the tenant's administrator knows of a tool better than its upstream says. */
const ToolOverride = z.strictObject({
  effect: z.enum(TOOL_EFFECTS).optional(),
  needs_approval: z.boolean().optional(),
  /** A write that may be asked for twice under one key: the upstream has its effect once. */
  idempotent: z.boolean().optional(),
});

const Common = {
  auth: ConnectionAuth.default({ type: 'none' }),
  /** The names of operations (`operationId`) or of remote tools to offer; absent: all. */
  include: z.array(z.string().min(1).max(128)).max(200).optional(),
  overrides: z.record(z.string(), ToolOverride).default({}),
  /** Kept encrypted, and never given out again. Absent: the one that is kept stays. */
  credential: z.string().min(1).max(8_192).optional(),
};

/** `PUT /admin/tenants/:tenant/connections/:provider` */
export const SaveConnection = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('http'), ...Common, base_url: z.url(), openapi: z.record(z.string(), z.unknown()) }),
  z.strictObject({ kind: z.literal('mcp'), ...Common, url: z.url() }),
]);
export type SaveConnection = z.infer<typeof SaveConnection>;

/** As it is shown: never with its credential. */
export const Connection = z.looseObject({
  tenant_id: z.string(),
  provider_id: z.string(),
  kind: z.string(),
  url: z.string(),
  auth: z.looseObject({ type: z.string() }),
  has_credential: z.boolean(),
  /** With the words that models are told: an administrator can read what an upstream wants them to read. */
  tools: z.array(z.looseObject({ name: ToolName, effect: z.string(), needs_approval: z.boolean(), description: z.string().optional() })),
  /** What the upstream has and models are not offered, and why. */
  not_offered: z.array(z.looseObject({ name: z.string(), reason: z.string() })).optional(),
  updated_at: z.string(),
});
export type Connection = z.infer<typeof Connection>;

export const ConnectionList = z.looseObject({ object: z.literal('list'), data: z.array(Connection) });
export type ConnectionList = z.infer<typeof ConnectionList>;

/** `POST /admin/credentials/reencrypt`: brings one page of what is sealed under the former key under the current one. */
export const ReencryptReport = z.looseObject({ reencrypted: z.number().int(), remaining: z.number().int(), unreadable: z.number().int() });
export type ReencryptReport = z.infer<typeof ReencryptReport>;
