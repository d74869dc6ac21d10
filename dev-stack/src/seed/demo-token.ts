import { type IssueApiToken, IssuedApiToken, TOKEN_MAX_TTL_SECONDS } from '@rubot/contracts/api-tokens';
import { fromOpenAiResponse } from '@rubot/errors/from-openai';
import type { Stack } from '../stack/start-stack.ts';
import { DEMO } from './demo.ts';

type Gateway = Pick<Stack, 'urls' | 'keys'>;

const REQUEST: IssueApiToken = {
  name: 'npm start',
  scopes: ['chat:write', 'run:write', 'approval:submit', 'trace:read'],
  ttl_seconds: TOKEN_MAX_TTL_SECONDS,
};

/**
 * An API token of the demo tenant: the one that there is, while it opens something, else a new one.
 *
 * @throws RubotError as the gateway answered it
 */
export async function ensureDemoToken({ urls, keys }: Gateway, known: string | undefined): Promise<string> {
  if (known !== undefined && (await opens(urls.gateway, known))) return known;
  const response = await fetch(`${urls.gateway}/admin/tenants/${DEMO.tenant_id}/tokens`, {
    method: 'POST',
    headers: { authorization: `Bearer ${keys.ADMIN_API_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify(REQUEST),
  });
  if (!response.ok) throw fromOpenAiResponse(response, await response.text(), 'rubot-gateway');
  return IssuedApiToken.parse(await response.json()).token;
}

async function opens(gatewayUrl: string, token: string): Promise<boolean> {
  const response = await fetch(`${gatewayUrl}/v1/models`, { headers: { authorization: `Bearer ${token}` } });
  await response.arrayBuffer();
  return response.ok;
}
