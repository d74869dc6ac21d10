import { type ApiUpstream, startApiUpstream } from '@rubot/testkit/api-upstream';
import { newSecret } from './_deployables.ts';

/** A system of others, which opens to a credential that the middleware keeps sealed. */
export interface Warehouse {
  readonly host: string;
  /** What connects a tenant to it. */
  readonly connection: Readonly<Record<string, unknown>>;
  close(): Promise<void>;
}

export const WAREHOUSE_TOOL = 'warehouse_stock';

export async function startWarehouse(): Promise<Warehouse> {
  const credential = newSecret();
  const upstream: ApiUpstream = await startApiUpstream();
  upstream.onRequest(({ headers }) =>
    headers.authorization === `Bearer ${credential}` ? { body: { quantity_on_hand: 3 } } : { status: 401, body: { error: 'who are you?' } },
  );
  const operation = { operationId: 'stock', summary: 'What is in stock.', responses: { '200': { description: 'The stock.' } } };
  const openapi = { openapi: '3.1.0', info: { title: 'Warehouse', version: '1' }, paths: { '/stock': { get: operation } } };
  return {
    host: upstream.host,
    connection: { kind: 'http', auth: { type: 'bearer' }, credential, base_url: upstream.url, openapi },
    close: upstream.close,
  };
}
