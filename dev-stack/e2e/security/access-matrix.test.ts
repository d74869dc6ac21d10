import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RawAnswer, requestRaw } from '@rubot/testkit/raw-http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ModelStack, startModelStack } from '../_stack.ts';
import { type Credentials, type Role, STRANGERS_TO_B, toCredentials } from './_roles.ts';
import { readRouteTables, type Service } from './_route-tables.ts';
import { readRowsOf, readRunsOf } from './_state-of-tenant.ts';
import { type Door, describeWalked, fillPath, findMarks, toSent, type Walked, walk } from './_walk.ts';
import { buildTenant, type TenantWorld } from './_world.ts';
import { type AccessTable, AGENT_ACCESS, GATEWAY_ACCESS, MIDDLEWARE_ACCESS, ORCHESTRATOR_ACCESS, type RouteRequest } from './access.ts';

const TABLES: Readonly<Record<Service, AccessTable>> = {
  gateway: GATEWAY_ACCESS,
  middleware: MIDDLEWARE_ACCESS,
  orchestrator: ORCHESTRATOR_ACCESS,
  agent: AGENT_ACCESS,
};
const SERVICES = Object.keys(TABLES) as readonly Service[];
/** Fewer answers than these, and the walk has not been where it says. */
const MIN_STEPS = 1_500;
const MIN_ALLOWED = 150;
const METHODS = ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND', 'TRACE'];

const folder = mkdtempSync(join(tmpdir(), 'rubot-e2e-access-'));
let stack: ModelStack;
let a: TenantWorld;
let b: TenantWorld;
let credentials: Credentials;
beforeAll(async () => {
  stack = await startModelStack({ agents: ['tables'], persistDirectory: folder, seed: false });
  [a, b] = [await buildTenant(stack, 'a'), await buildTenant(stack, 'b')];
  credentials = toCredentials(stack, { a, b });
});
afterAll(async () => {
  await stack.stop();
  rmSync(folder, { recursive: true, force: true });
});

function doorOf(service: Service): Door {
  const { agents, ...urls } = stack.urls;
  return { origin: service === 'agent' ? (agents['tables'] ?? '') : urls[service], table: TABLES[service] };
}

function rolesAt(): readonly Role[] {
  return Object.keys(credentials) as Role[];
}

/** Those of another tenant may also be told that there is no such thing. */
function isRefusal({ answer: { status }, role }: Pick<Walked, 'answer' | 'role'>): boolean {
  return status === 401 || status === 403 || (status === 404 && /-b\b/.test(role));
}

function isRightAnswer(walked: Walked): boolean {
  const { answer, entry, isAllowed } = walked;
  if (!isAllowed) return isRefusal(walked);
  return entry.ok?.includes(answer.status) ?? (answer.status >= 200 && answer.status < 300);
}

it('every route has an entry in the table, and every entry a route', async () => {
  const routes = await readRouteTables();
  for (const service of SERVICES) expect(Object.keys(TABLES[service]).sort(), service).toEqual([...routes[service]].sort());
});

describe('everybody at every route, for what is of tenant A', () => {
  const all: Walked[] = [];

  it.each(SERVICES)('of the %s: those who may pass, and nobody else does', { timeout: 120_000 }, async (service) => {
    const walked = await walk({ stack, credentials, door: doorOf(service), roles: rolesAt(), target: a });
    all.push(...walked);
    expectNone(walked.filter((step) => !isRightAnswer(step)).map(describeWalked));
    const read = walked
      .filter(({ role }) => STRANGERS_TO_B.includes(role))
      .flatMap((step) => findMarks(b.mark, step).map(() => describeWalked(step)));
    expectNone(read);
  });

  it('was asked often enough, and let in often enough', () => {
    process.stdout.write(`access: ${all.length} steps, ${all.filter(({ isAllowed }) => isAllowed).length} of them allowed\n`);
    expect(all.length).toBeGreaterThan(MIN_STEPS);
    expect(all.filter(({ isAllowed }) => isAllowed).length).toBeGreaterThan(MIN_ALLOWED);
  });
});

describe('nobody of tenant A', () => {
  it('reads or changes anything of tenant B, at any route', { timeout: 120_000 }, async () => {
    const before = [readRowsOf(folder, b), await readRunsOf(stack, b)];
    const steps: Walked[] = [];
    for (const service of ['gateway', 'middleware'] as const) {
      const isMeant = ({ entry }: { entry: { isTargeted?: boolean } }) => entry.isTargeted === true;
      steps.push(
        ...(await walk({ stack, credentials, door: doorOf(service), roles: STRANGERS_TO_B, target: b, isMeant, areStrangers: true })),
      );
    }
    expect(steps.length).toBeGreaterThan(300);
    expectNone(steps.filter(({ answer }) => ![400, 401, 403, 404].includes(answer.status)).map(describeWalked));
    expectNone(steps.filter((step) => findMarks(b.mark, step).length > 0).map(describeWalked));
    expect([readRowsOf(folder, b), await readRunsOf(stack, b)]).toEqual(before);
    // The tenant was not empty: what was looked for is there.
    expect(JSON.stringify(before).split(b.mark).length).toBeGreaterThan(10);
  });
});

/** Spellings of one path that a router, a proxy or an access rule may read in two ways. */
function respell(path: string): readonly string[] {
  const [, first = '', ...rest] = path.split('/');
  const tail = rest.join('/');
  return [
    `/${first.toUpperCase()}/${tail}`,
    `//${first}/${tail}`,
    `/${first}//${tail}`,
    `${path}/`,
    `${path}//`,
    `/.${path}`,
    `/x/..${path}`,
    `/x/%2e%2e${path}`,
    `/healthz/..${path}`,
    `/healthz/%2e%2e${path}`,
    `/v1/models/..%2f..${path}`,
    `/v1/models/../..${path}`,
    `/${first.replace(/^./, (letter) => `%${letter.charCodeAt(0).toString(16)}`)}/${tail}`,
    `/${first}%2f${tail.replaceAll('/', '%2f')}`,
    `/${first}%252f${tail}`,
    `/${first};x=1/${tail}`,
    `/${first}\\${tail}`,
    `${path}%00`,
    `${path}%20`,
    `${path}.json`,
  ];
}

/** As many as a person reads. */
function expectNone(wrong: readonly string[]): void {
  expect(wrong.slice(0, 20), `${wrong.length} in all`).toEqual([]);
}

interface Odd {
  readonly role: Role;
  readonly method: string;
  readonly path: string;
  readonly request: RouteRequest;
}

async function askOddly(origin: string, { role, method, path, request }: Odd): Promise<readonly [RawAnswer, string, string]> {
  const sent = { method, path, ...toSent(method, request, credentials[role]) };
  const answer = await requestRaw(origin, sent);
  return [answer, JSON.stringify(sent), `${role}: ${method} ${path}: ${answer.status} ${answer.text.slice(0, 150)}`];
}

/** Several at a time. @returns how many there were */
async function askAll<Item>(items: Generator<Item>, ask: (item: Item) => Promise<void>): Promise<number> {
  let count = 0;
  async function work(): Promise<void> {
    for (const item of items) {
      count += 1;
      await ask(item);
    }
  }
  await Promise.all(Array.from({ length: 8 }, work));
  return count;
}

const UNINVITED: readonly Role[] = ['nobody', 'token-b/admin:*', 'token-a/revoked', 'data-b', 'metrics'];

/** The routes of a table, each with everybody who is not let in there, in every spelling. */
function* spellOddly(table: AccessTable): Generator<Odd> {
  for (const [route, entry] of Object.entries(table)) {
    const [method = '', path = ''] = route.split(' ');
    for (const role of UNINVITED.filter((known) => !entry.allow.includes(known))) {
      const request = entry.request?.(a, role, stack) ?? {};
      const filled = fillPath(path, { params: request.params ?? {} });
      for (const spelled of respell(filled)) yield { role, method, path: spelled + (request.query ?? ''), request };
    }
  }
}

/** The paths of a table, each with every method that has no entry; a HEAD is a GET whose answer is not sent. */
function* askInOtherWays(table: AccessTable): Generator<Odd & { readonly mayRead: boolean }> {
  const paths = new Set(Object.keys(table).map((route) => route.split(' ')[1] ?? ''));
  for (const path of paths) {
    const known = Object.entries(table).filter(([route]) => route.endsWith(` ${path}`));
    const [entry] = known.map(([, found]) => found);
    const methods = METHODS.filter((method) => !known.some(([route]) => route.startsWith(`${method} `)));
    for (const role of ['nobody', 'operator', 'chat-a', 'hop-middleware', 'hop-orchestrator', 'data-a'] as const) {
      const request = entry?.request?.(a, role, stack) ?? {};
      const mayGet = table[`GET ${path}`]?.allow.includes(role) === true;
      for (const method of methods) yield { role, method, path: fillPath(path, request), request, mayRead: mayGet && method === 'HEAD' };
    }
  }
}

describe('what is none of the table', () => {
  it.each(SERVICES)('of the %s: spelled in another way, a path opens nothing', { timeout: 120_000 }, async (service) => {
    const { origin, table } = doorOf(service);
    const wrong: string[] = [];
    const count = await askAll(spellOddly(table), async (odd) => {
      const [answer, sent, description] = await askOddly(origin, odd);
      if (answer.status < 400 || answer.status >= 500 || findMarks(a.mark, { answer, sent }).length > 0) wrong.push(description);
    });
    expectNone(wrong);
    expect(count).toBeGreaterThan(100);
  });

  it.each(SERVICES)('of the %s: no other method does anything, and no page elsewhere is let in', { timeout: 120_000 }, async (service) => {
    const { origin, table } = doorOf(service);
    const wrong: string[] = [];
    await askAll(askInOtherWays(table), async (odd) => {
      const [{ status, headers }, , description] = await askOddly(origin, odd);
      const isOpen = (status < 400 && !odd.mayRead) || status >= 500;
      if (isOpen || headers.some((line) => line.startsWith('access-control-'))) wrong.push(description);
    });
    expectNone(wrong);
  });
});
