import { PLATFORM_CHAIN, ReadAuditQuery, RecordAudit } from '@rubot/contracts/audit';
import { TenantId } from '@rubot/contracts/ids';
import { readJsonBody } from '@rubot/http/body';
import { parseInput } from '@rubot/http/parse';
import { toOneLine } from '@rubot/logging/one-line';
import type { Context, Handler } from 'hono';
import type { MiddlewareEnv } from '../../context.ts';
import type { MiddlewareDeps } from '../../deps.ts';
import { assertChain } from '../../use-cases/audit/assert-chain.ts';
import { recordRefusal } from '../../use-cases/audit/record-refusal.ts';

/** `GET /internal/audit/:chain?after_seq=&limit=`: NDJSON, in the order of the chain; an empty body behind its end. */
export function readAuditHandler({ store }: MiddlewareDeps): Handler<MiddlewareEnv> {
  return async function readAudit(c) {
    const chain = readChain(c);
    const page = parseInput(ReadAuditQuery, c.req.query());
    const entries = await store.audit.readEntries(chain, page);
    if (entries.length === 0) await assertChain(store.audit, chain);
    const lines = entries.map((entry) => `${toOneLine(JSON.stringify(entry))}\n`).join('');
    return c.body(lines, 200, { 'content-type': 'application/x-ndjson; charset=utf-8', 'cache-control': 'no-store' });
  };
}

/** `GET /internal/audit/:chain/head` */
export function readAuditHeadHandler({ store }: MiddlewareDeps): Handler<MiddlewareEnv> {
  return async function readHead(c) {
    const chain = readChain(c);
    const head = await store.audit.readHead(c.get('auditing').keys, chain);
    if (head.seq === 0) await assertChain(store.audit, chain);
    return c.json(head);
  };
}

/** `POST /internal/audit`: what the gateway refused; `recorded` is false for one too many. */
export function recordAuditHandler({ config, store }: MiddlewareDeps): Handler<MiddlewareEnv> {
  return async function recordAudit(c) {
    const body = await readJsonBody(c.req.raw, { maxBytes: config.maxBodyBytes });
    const isRecorded = await recordRefusal(store.audit, c.get('auditing'), parseInput(RecordAudit, body.value));
    return c.json({ recorded: isRecorded });
  };
}

function readChain(c: Context<MiddlewareEnv>): string {
  const chain = c.req.param('chain') ?? '';
  return chain === PLATFORM_CHAIN ? chain : parseInput(TenantId, chain, 'chain');
}
