import type { Stack } from '../src/stack/start-stack.ts';
import type { Speaker } from './_stack.ts';

type Entrance = Pick<Stack, 'urls' | 'keys' | 'demo'>;

let count = 0;

/** A person of the demo tenant whom no test has heard of before, linked as an operator links one. */
export async function linkNewSender(stack: Entrance): Promise<Speaker> {
  count += 1;
  const speaker = { senderId: `+1555070${String(count).padStart(4, '0')}`, sessionId: `linked/${count}` };
  await linkSender(stack, speaker);
  return speaker;
}

export async function linkSender(stack: Entrance, { senderId }: Pick<Speaker, 'senderId'>): Promise<void> {
  await callBindings(stack, '', { method: 'POST', body: JSON.stringify({ sender_id: senderId, tenant_id: stack.demo.tenant_id }) });
}

export async function unlinkSender(stack: Entrance, { senderId }: Pick<Speaker, 'senderId'>): Promise<void> {
  await callBindings(stack, `/${encodeURIComponent(senderId)}`, { method: 'DELETE' });
}

async function callBindings({ urls, keys }: Entrance, path: string, init: RequestInit): Promise<void> {
  const headers = { authorization: `Bearer ${keys.ADMIN_API_KEY}`, 'content-type': 'application/json' };
  const response = await fetch(`${urls.gateway}/admin/identity-bindings${path}`, { ...init, headers });
  if (!response.ok) throw new Error(`status ${response.status}: ${await response.text()}`);
}
