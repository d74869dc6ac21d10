import type { AuditEntry } from '@rubot/contracts/audit';
import { describe, expect, it } from 'vitest';
import { CHAT, COMPLETION, RUN, RUN_ID } from './_harness.ts';
import { expectStatus, type IssuedToken, type Platform, startPlatform } from './_platform.ts';
import { type NodeHandler, stopAfterEach } from './_workerd.ts';

stopAfterEach();

const orchestrator: NodeHandler = (request, response) => {
  request.resume();
  const answer = request.url?.startsWith('/v1/runs') ? RUN : COMPLETION;
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
};

async function readAudit(platform: Platform, credential: string, tenantId: string): Promise<readonly AuditEntry[]> {
  const response = await expectStatus(200, await platform.ask(credential, 'GET', `/admin/tenants/${tenantId}/audit`));
  const lines = (await response.text()).split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as AuditEntry);
}

describe('a tenant that administers itself, in workerd with the real middleware', () => {
  it('issues and revokes within what it holds, and finds on record what was done and what was refused', async () => {
    const platform = await startPlatform(orchestrator);
    const [tenantId, otherId] = [await platform.newTenant(), await platform.newTenant()];
    const scopes = ['admin:tokens', 'admin:audit', 'run:write'];
    const { token: admin, token_id: adminId } = await platform.issueToken(tenantId, { scopes });
    const tokens = `/admin/tenants/${tenantId}/tokens`;
    const wish = { name: 'ci', scopes: ['run:write'], ttl_seconds: 600, action_id: 'nightly' };

    const issued = await expectStatus(201, await platform.ask(admin, 'POST', tokens, { body: wish }));
    const { token, token_id: tokenId, action_handle: handle } = (await issued.json()) as IssuedToken;
    await expectStatus(403, await platform.ask(admin, 'POST', tokens, { body: { ...wish, scopes: ['chat:write'] } }));
    await expectStatus(403, await platform.ask(admin, 'POST', tokens, { body: { ...wish, ttl_seconds: 86_400 } }));
    await expectStatus(403, await platform.ask(admin, 'GET', `/admin/tenants/${otherId}/tokens`));
    await expectStatus(403, await platform.ask(token, 'POST', '/v1/chat/completions', { body: CHAT }));
    await expectStatus(400, await platform.ask(token, 'GET', '/v1/runs', { headers: { 'x-tenant-id': otherId } }));

    const redeem = { handle, action_id: 'nightly', scopes: ['run:read'] };
    const redeemed = await expectStatus(200, await platform.ask(token, 'POST', '/v1/action-bearers', { body: redeem }));
    const { bearer } = (await redeemed.json()) as { bearer: string };
    await expectStatus(403, await platform.ask(token, 'POST', '/v1/action-bearers', { body: { ...redeem, action_id: 'daily' } }));
    await expectStatus(403, await platform.ask(admin, 'POST', '/v1/action-bearers', { body: redeem }));
    await expectStatus(200, await platform.ask(bearer, 'GET', `/v1/runs/${RUN_ID}`));
    await expectStatus(403, await platform.ask(bearer, 'POST', '/v1/runs', { body: CHAT }));

    await expectStatus(204, await platform.ask(admin, 'DELETE', `${tokens}/${tokenId}`));
    await expectStatus(401, await platform.ask(bearer, 'GET', `/v1/runs/${RUN_ID}`));
    await expectStatus(401, await platform.ask(token, 'POST', '/v1/action-bearers', { body: redeem }));

    const entries = await readAudit(platform, admin, tenantId);
    const told = entries.map(({ actor, action, outcome }) => `${actor} ${action} ${outcome}`);
    expect(told).toEqual(
      expect.arrayContaining([
        `token:${adminId} token.issued done`,
        `token:${adminId} access.refused refused`,
        `token:${tokenId} access.refused refused`,
        `token:${tokenId} request.refused refused`,
        `token:${adminId} token.revoked done`,
      ]),
    );
    expect(entries.map(({ seq }) => seq)).toEqual(entries.map((_entry, index) => index + 1));
    expect(new Set(entries.map(({ chain }) => chain))).toEqual(new Set([tenantId]));
    for (const secret of [admin, token, handle, bearer]) expect(JSON.stringify(entries) + platform.lines.join()).not.toContain(secret);
    expect(await readAudit(platform, admin, otherId).catch((error: Error) => error.message)).toContain('expected 200, got 403');
  });
});
