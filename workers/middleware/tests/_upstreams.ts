import type { MiddlewareHarness } from './_harness.ts';

/** A credential that no other text holds by chance. */
export const CREDENTIAL = 'crm-key-Zt7/Qw+4Rk9 Lp2=Vx8'.replaceAll(' ', '');

/** An upstream of a shop, as its OpenAPI document has it. */
export const SHOP = {
  openapi: '3.1.0',
  info: { title: 'Shop', version: '1' },
  paths: {
    '/orders': {
      get: {
        operationId: 'listOrders',
        summary: 'Lists orders.',
        parameters: [
          { name: 'status', in: 'query', schema: { type: 'string', enum: ['open', 'shipped'] } },
          { name: 'tags', in: 'query', schema: { type: 'array', items: { type: 'string' } } },
          { name: 'X-Region', in: 'header', schema: { type: 'string' } },
        ],
        responses: {},
      },
      post: {
        operationId: 'createOrder',
        summary: 'Places an order.',
        requestBody: { required: true, content: { 'application/json': { schema: { $ref: '#/components/schemas/Order' } } } },
        responses: {},
      },
    },
    '/orders/{id}': {
      parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
      get: { operationId: 'getOrder', responses: {} },
      put: {
        operationId: 'replaceOrder',
        requestBody: { content: { 'application/json': { schema: { $ref: '#/components/schemas/Order' } } } },
        responses: {},
      },
      delete: { operationId: 'deleteOrder', responses: {} },
    },
  },
  components: {
    schemas: {
      Order: {
        type: 'object',
        required: ['item', 'id'],
        properties: {
          id: { type: 'string', readOnly: true },
          item: { type: 'string', maxLength: 40 },
          quantity: { type: 'integer', minimum: 1 },
          parent: { $ref: '#/components/schemas/Order' },
        },
      },
    },
  },
} as const;

export interface ShopOptions {
  readonly baseUrl: string;
  readonly provider?: string;
  readonly [field: string]: unknown;
}

/** Connects the shop for a tenant. */
export function connectShop(
  middleware: MiddlewareHarness,
  tenantId: string,
  { baseUrl, provider = 'shop', ...fields }: ShopOptions,
): Promise<Response> {
  const body = { kind: 'http', base_url: baseUrl, openapi: SHOP, auth: { type: 'bearer' }, credential: CREDENTIAL, ...fields };
  return middleware.internal('PUT', `tenants/${tenantId}/connections/${provider}`, body);
}
