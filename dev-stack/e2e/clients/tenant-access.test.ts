import { RubotReport } from '@rubot/contracts/chat-response';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ModelStack, postCompletion, type Speaker, startModelStack, toChatSourceHeaders } from '../_stack.ts';
import { expectRefusal } from './_refusal.ts';

let stack: ModelStack;
beforeAll(async () => {
  stack = await startModelStack({ agents: ['conversational', 'tables'] });
});
afterAll(() => stack.stop());

const ALL = ['rubot', 'rubot/conversational', 'rubot/tables'];
const OPEN = { agent_policy: 'all', tool_policy: 'all', approve_writes: false };
const CREATE = { toolCalls: [{ name: 'tables_create_from_csv', arguments: { name: 'made', csv: 'item\nbolt\n' } }] };
/** What the product promises of every end of access, and how often it is looked for. */
const HEEDED_WITHIN_MS = 5_000;
const POLL_MS = 100;

interface Member extends Speaker {
  readonly tenantId: string;
}

async function callAdmin(method: string, path: string, body: unknown): Promise<void> {
  const response = await fetch(`${stack.urls.gateway}/admin${path}`, {
    method,
    headers: { authorization: `Bearer ${stack.keys.ADMIN_API_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(response.ok, await response.text()).toBe(true);
}

let members = 0;
/** The one person of a tenant that was made for a test, and may use what is stated. */
async function newMember(access: object = {}): Promise<Member> {
  members += 1;
  const member = { tenantId: `member-${members}`, senderId: `+4420794600${members}`, sessionId: `access/${members}` };
  await callAdmin('POST', '/tenants', { tenant_id: member.tenantId, name: 'Members', ...OPEN, ...access });
  await callAdmin('POST', '/identity-bindings', { sender_id: member.senderId, tenant_id: member.tenantId });
  return member;
}

function ask(member: Member, model = 'rubot/tables'): Promise<Response> {
  const body = { model, messages: [{ role: 'user', content: 'Hello!' }] };
  return postCompletion(stack, body, { headers: toChatSourceHeaders(stack, member) });
}

async function readModels(member: Member): Promise<readonly string[]> {
  const headers = { authorization: `Bearer ${stack.keys.GATEWAY_API_KEY}`, ...toChatSourceHeaders(stack, member) };
  const { data } = (await (await fetch(`${stack.urls.gateway}/v1/models`, { headers })).json()) as { data: { id: string }[] };
  return data.map(({ id }) => id);
}

/** The tools of tables that the model was offered with the last request. */
function readOffered(): readonly string[] {
  const { tools = [] } = stack.model.requests.at(-1)!.body as { tools?: { function: { name: string } }[] };
  return tools.map((tool) => tool.function.name).filter((name) => name.startsWith('tables_'));
}

async function untilHeeded(isHeeded: () => Promise<boolean>): Promise<void> {
  const startedAtMs = performance.now();
  while (!(await isHeeded())) {
    expect(performance.now() - startedAtMs).toBeLessThan(HEEDED_WITHIN_MS);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

describe('the agents of a tenant', () => {
  it.each([
    [
      'all are disabled',
      [
        { agent_id: 'tables', enabled: false },
        { agent_id: 'conversational', enabled: false },
      ],
    ],
    ['none is listed', []],
  ])('are none where %s', async (_name, agents) => {
    const member = await newMember({ agent_policy: 'listed', agents });
    expect(await readModels(member)).toEqual([]);
    const asked = stack.model.requests.length;
    for (const model of ALL) await expectRefusal(await ask(member, model), { status: model === 'rubot' ? 403 : 404 });
    expect(stack.model.requests).toHaveLength(asked);
  });

  it('are those that are enabled', async () => {
    const member = await newMember({
      agent_policy: 'listed',
      agents: [{ agent_id: 'tables' }, { agent_id: 'conversational', enabled: false }],
    });
    expect(await readModels(member)).toEqual(['rubot', 'rubot/tables']);
    expect((await ask(member)).status).toBe(200);
  });

  it('end within five seconds of being taken away', async () => {
    const member = await newMember();
    expect((await ask(member, 'rubot')).status).toBe(200);
    await callAdmin('PUT', `/tenants/${member.tenantId}/access`, { ...OPEN, agent_policy: 'listed' });
    await untilHeeded(async () => (await ask(member, 'rubot')).status === 403);
  });
});

describe('the tools of a tenant', () => {
  it('are offered to the model where they are enabled, and no others', async () => {
    const member = await newMember({ tool_policy: 'listed', tools: [{ tool: 'tables_list' }, { tool: 'tables_query' }] });
    expect((await ask(member)).status).toBe(200);
    expect(readOffered()).toEqual(['tables_list', 'tables_query']);
  });

  it('are not used by a model that calls one all the same', async () => {
    const member = await newMember({ tool_policy: 'all', tools: [{ tool: 'tables_create_from_csv', enabled: false }] });
    stack.model.script(CREATE, { toolCalls: [{ name: 'tables_list', arguments: {} }] }, { text: 'There are none.' });
    expect((await ask(member)).status).toBe(200);
    const { messages } = stack.model.requests.at(-1)!.body as { messages: { role: string; content: string }[] };
    const results = messages.filter(({ role }) => role === 'tool').map(({ content }) => content);
    expect(results).toHaveLength(2);
    expect(results.at(-1)).toContain('"tables":[]');
  });

  it('are missed by an agent that works with them, which says whom to ask', async () => {
    const member = await newMember({ tool_policy: 'listed' });
    expect(await expectRefusal(await ask(member), { status: 403, code: 'forbidden' })).toContain('Ask an administrator');
  });

  it('end within five seconds of being taken away', async () => {
    const member = await newMember();
    await ask(member);
    expect(readOffered()).toContain('tables_insert');
    await callAdmin('PUT', `/tenants/${member.tenantId}/access`, { ...OPEN, tools: [{ tool: 'tables_insert', enabled: false }] });
    await untilHeeded(async () => {
      await ask(member);
      return !readOffered().includes('tables_insert');
    });
  });
});

describe('a tool that writes', () => {
  /** What becomes of a run whose model calls such a tool first. */
  async function create(member: Member, ...answers: readonly { text: string }[]): Promise<RubotReport> {
    stack.model.script(CREATE, ...answers);
    const completion = (await (await ask(member)).json()) as { rubot?: unknown };
    return RubotReport.parse(completion.rubot);
  }

  it('waits for a person where the tenant says so, and not for a tool that it lets off', async () => {
    const [careful, loose] = [
      await newMember({ approve_writes: true }),
      await newMember({ approve_writes: true, tools: [{ tool: 'tables_create_from_csv', needs_approval: false }] }),
    ];
    const report = await create(careful);
    expect(report.status).toBe('requires_action');
    expect(report.required_action?.tool_calls).toMatchObject([{ name: 'tables_create_from_csv' }]);
    expect((await create(loose, { text: 'done' })).status).toBe('completed');
  });
});
