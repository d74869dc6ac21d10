import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { importBearerKeys } from '@rubot/bearer/keys';
import { mintBearer } from '@rubot/bearer/mint';
import { BEARER_MIN_TTL_SECONDS } from '@rubot/contracts/bearer';
import { CallToolResponse } from '@rubot/contracts/data';
import { HEADERS } from '@rubot/contracts/headers';
import type { CreateIdentityBinding } from '@rubot/contracts/identity-bindings';
import type { SaveTenant } from '@rubot/contracts/tenants';
import { fromOpenAiResponse } from '@rubot/errors/from-openai';
import { newRunId } from '@rubot/http/run-id';
import { z } from 'zod';
import { REPOSITORY } from '../repository.ts';
import type { StackKeys } from '../stack/keys.ts';
import { DEMO, DEMO_TABLES } from './demo.ts';

export interface SeedOptions {
  readonly middlewareUrl: string;
  readonly keys: StackKeys;
}

const TableList = z.looseObject({ tables: z.array(z.looseObject({ name: z.string() })) });

/** Gives the demo tenant its sender and its tables, by the ways that every tenant gets them. Does nothing twice. */
export async function seedDemo({ middlewareUrl, keys }: SeedOptions): Promise<void> {
  const internal = { authorization: `Bearer ${keys.MIDDLEWARE_API_KEY}` };
  const tenant: z.input<typeof SaveTenant> = { tenant_id: DEMO.tenant_id, name: 'Demo' };
  await post(`${middlewareUrl}/internal/tenants`, internal, tenant);
  const binding: CreateIdentityBinding = { sender_id: DEMO.sender_id, tenant_id: DEMO.tenant_id };
  await post(`${middlewareUrl}/internal/identity-bindings`, internal, binding);

  const tools = `${middlewareUrl}/data/${DEMO.tenant_id}/tools`;
  const data = { authorization: `Bearer ${await mintSeedBearer(keys.BEARER_SIGNING_SECRET)}` };
  const { result } = CallToolResponse.parse(await post(`${tools}/tables_list/call`, data, { arguments: {} }));
  const existing = new Set(TableList.parse(result).tables.map(({ name }) => name));
  for (const name of DEMO_TABLES.filter((table) => !existing.has(table))) {
    const csv = await readFile(new URL(`dev-stack/seed/${name}.csv`, REPOSITORY), 'utf8');
    const idempotencyKey = `seed/${name}/${createHash('sha256').update(csv).digest('hex')}`;
    await post(`${tools}/tables_create_from_csv/call`, { ...data, [HEADERS.idempotencyKey]: idempotencyKey }, { arguments: { name, csv } });
  }
}

async function mintSeedBearer(secret: string): Promise<string> {
  const keys = await importBearerKeys({ current: secret, previous: undefined });
  const subject = {
    tenantId: DEMO.tenant_id,
    sessionId: 'seed',
    senderId: DEMO.sender_id,
    runId: newRunId(),
    scope: ['tools:read', 'tools:write'],
  } as const;
  return mintBearer({ keys, subject, ttlSeconds: BEARER_MIN_TTL_SECONDS, nowMs: Date.now() });
}

/** @throws RubotError as the middleware answered it */
async function post(url: string, headers: Record<string, string>, body: unknown): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw fromOpenAiResponse(response, await response.text(), 'rubot-middleware');
  return await response.json();
}
