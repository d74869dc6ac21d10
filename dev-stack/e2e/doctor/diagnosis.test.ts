import type { Finding } from '@rubot/contracts/diagnosis';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { startHopProxy } from '../_hop-proxy.ts';
import { type Deployment, type Differences, type Ground, OTHER, openGround, SECRETS } from './_deployment.ts';
import { mangleService, startMangler } from './_mangler.ts';

const NOWHERE = 'http://127.0.0.1:1';
const YEARS_AGO_MS = 1_000;

let ground: Ground;
let deployments: Deployment[] = [];

beforeAll(async () => {
  ground = await openGround();
});
afterEach(async () => {
  await Promise.all(deployments.map((deployment) => deployment.close()));
  deployments = [];
});
afterAll(() => ground.close());

async function deploy(differences: Differences = {}): Promise<Deployment> {
  const deployment = await ground.deploy(differences);
  deployments.push(deployment);
  return deployment;
}

async function diagnose(differences: Differences = {}): Promise<readonly Finding[]> {
  return (await deploy(differences)).diagnose();
}

/** All but what is as it should be, without what to do about it. */
async function findFaults(differences: Differences): Promise<readonly string[]> {
  const findings = await diagnose(differences);
  for (const { status, consequence } of findings) expect(consequence === undefined).toBe(status === 'ok' || status === 'skipped');
  return findings
    .filter(({ status }) => status !== 'ok')
    .map(({ subject, status, check, message }) => `${subject}: ${status}: ${check}: ${message}`);
}

const mentions = (text: string) => expect.stringContaining(text);

describe('a deployment in which all is well', () => {
  it('has been looked at from end to end, and nothing is found', async () => {
    const findings = await diagnose();
    expect(findings.filter(({ status }) => status !== 'ok')).toEqual([]);
    const checked = Object.fromEntries(
      [...Map.groupBy(findings, ({ subject }) => subject)].map(([subject, rows]) => [subject, rows.map(({ check }) => check)]),
    );
    const pair = ['reachable', 'secret', 'version', 'wire', 'clock'];
    expect(checked).toEqual({
      gateway: ['rotation'],
      'gateway → middleware': ['reachable', 'secret', 'secret', 'version', 'wire', 'clock'],
      middleware: ['rotation', 'outbound'],
      'middleware → D1': ['migrations', 'encryption', 'encryption'],
      'gateway → orchestrator': pair,
      orchestrator: ['rotation'],
      'orchestrator → PostgreSQL': ['migrations'],
      'orchestrator → gateway': pair,
      'orchestrator → agent-records': [...pair, 'capabilities'],
      'agent-records': ['rotation'],
      'agent-records → middleware': ['reachable', 'version', 'wire', 'clock', 'address'],
    });
  });

  it('is shown to the operator alone', async () => {
    const { gatewayUrl } = await deploy();
    const ask = async (key: string | undefined) => {
      const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
      return (await fetch(`${gatewayUrl}/admin/diagnosis`, { headers })).status;
    };
    expect([await ask(undefined), await ask(SECRETS.GATEWAY_API_KEY), await ask(SECRETS.ADMIN_API_KEY)]).toEqual([401, 401, 200]);
  });
});

describe('a secret that differs', () => {
  it.each<[string, Differences, string[]]>([
    [
      'MIDDLEWARE_API_KEY',
      { gateway: { MIDDLEWARE_API_KEY: OTHER } },
      ['gateway → middleware: problem: secret: MIDDLEWARE_API_KEY differs', 'gateway → middleware: skipped: behind'],
    ],
    [
      'BEARER_SIGNING_SECRET',
      { gateway: { BEARER_SIGNING_SECRET: OTHER } },
      ['gateway → middleware: problem: secret: BEARER_SIGNING_SECRET differs'],
    ],
    [
      'GATEWAY_API_KEY',
      { gateway: { GATEWAY_API_KEY: OTHER } },
      ['gateway → orchestrator: problem: secret: GATEWAY_API_KEY differs', 'gateway → orchestrator: skipped: behind'],
    ],
    [
      'GATEWAY_API_KEY, on the way back',
      { orchestrator: { GATEWAY_API_KEY: OTHER, GATEWAY_API_KEY_PREVIOUS: SECRETS.GATEWAY_API_KEY } },
      [
        'gateway → orchestrator: warning: secret: GATEWAY_API_KEY is being rotated: the gateway uses the value that the orchestrator has as GATEWAY_API_KEY_PREVIOUS',
        'orchestrator: warning: rotation: GATEWAY_API_KEY',
        'orchestrator → gateway: problem: secret: GATEWAY_API_KEY differs: the orchestrator has switched to a value that the gateway does not accept yet',
      ],
    ],
    [
      'ORCHESTRATOR_API_KEY',
      { agent: { ORCHESTRATOR_API_KEY: OTHER } },
      ['orchestrator → agent-records: problem: secret: ORCHESTRATOR_API_KEY differs', 'orchestrator → agent-records: skipped: behind'],
    ],
  ])('%s is named, with the pair, and nothing else is blamed', async (_, differences, faults) => {
    expect(await findFaults(differences)).toEqual(faults.map(mentions));
  });

  it('does not hide another', async () => {
    const faults = await findFaults({
      gateway: { MIDDLEWARE_API_KEY: OTHER, BEARER_SIGNING_SECRET: `${OTHER}-2` },
      agent: { ORCHESTRATOR_API_KEY: `${OTHER}-3` },
      orchestrator: { GATEWAY_URL: NOWHERE },
    });
    expect(faults).toEqual(
      [
        'gateway → middleware: problem: secret: MIDDLEWARE_API_KEY differs',
        'gateway → middleware: problem: secret: BEARER_SIGNING_SECRET differs',
        'gateway → middleware: skipped: behind',
        'orchestrator → gateway: problem: reachable',
        'orchestrator → agent-records: problem: secret: ORCHESTRATOR_API_KEY differs',
        'orchestrator → agent-records: skipped: behind',
      ].map(mentions),
    );
  });

  it('appears in no finding, and neither does any other', async () => {
    const text = JSON.stringify(await diagnose({ gateway: { MIDDLEWARE_API_KEY: OTHER }, agent: { ORCHESTRATOR_API_KEY: `${OTHER}-2` } }));
    for (const secret of [OTHER, ...Object.values(SECRETS)]) expect(text).not.toContain(secret);
  });
});

describe('an address that leads elsewhere', () => {
  it.each<[string, Differences, string]>([
    ['the orchestrator', { gateway: { ORCHESTRATOR_URL: NOWHERE } }, 'gateway → orchestrator: problem: reachable'],
    ['an agent', { orchestrator: { AGENT_REGISTRY_JSON: `{"records":"${NOWHERE}"}` } }, 'orchestrator → agent-records: problem: reachable'],
    ['the middleware, for an agent', { agent: { MIDDLEWARE_URL: NOWHERE } }, 'agent-records → middleware: problem: reachable'],
    ['the gateway, for the orchestrator', { orchestrator: { GATEWAY_URL: NOWHERE } }, 'orchestrator → gateway: problem: reachable'],
  ])('is found where %s is not there', async (_, differences, fault) => {
    expect((await findFaults(differences))[0]).toContain(fault);
  });

  it('is found where another service answers', async () => {
    const { gatewayUrl } = await deploy();
    expect(await findFaults({ agent: { MIDDLEWARE_URL: gatewayUrl } })).toEqual([mentions('agent-records → middleware: problem: address')]);
    expect(await findFaults({ gateway: { ORCHESTRATOR_URL: gatewayUrl } })).toEqual([
      mentions('gateway → orchestrator: problem: version: what answers as the orchestrator says that it is rubot-gateway'),
      mentions('gateway → orchestrator: skipped: behind'),
    ]);
  });

  it('is found where the services of two environments share their secrets', async () => {
    const faults = await findFaults({ before: { orchestrator: mangleService({ environment: 'production' }) } });
    expect(faults).toEqual([mentions('problem: version: the orchestrator is of the environment production, and not of development')]);
  });
});

describe('a service that does not keep up', () => {
  it('is named when its clock is wrong', async () => {
    const aheadMs = Date.now() + 60_000;
    expect(await findFaults({ before: { orchestrator: mangleService({ now_ms: aheadMs }) } })).toEqual([
      mentions('gateway → orchestrator: problem: clock: the clock of the orchestrator is '),
    ]);
    expect(await findFaults({ before: { middleware: mangleService({ now_ms: YEARS_AGO_MS }) } })).toEqual([
      mentions('gateway → middleware: problem: clock'),
      mentions('agent-records → middleware: problem: clock'),
    ]);
  });

  it('is named when it speaks another wire version', async () => {
    expect(await findFaults({ before: { agent: mangleService({ wire_versions: [2, 3] }) } })).toEqual([
      mentions('orchestrator → agent-records: problem: wire: wire version 1 is sent, and 2, 3 understood'),
    ]);
    const proxy = await startHopProxy();
    onTestFinished(() => proxy.close());
    proxy.interfere({ setHeaders: { 'x-rubot-wire': '9' } });
    const before = async (origin: string) => {
      proxy.forwardTo(origin);
      return proxy.origin;
    };
    expect(await findFaults({ before: { orchestrator: before } })).toEqual([
      mentions('gateway → orchestrator: problem: wire'),
      mentions('gateway → orchestrator: skipped: behind'),
    ]);
  });

  it('is waited for a few seconds, and the others are looked at meanwhile', async () => {
    const before = { agent: startMangler({ path: '/challenge' }) };
    expect(await findFaults({ before })).toEqual([
      mentions('orchestrator → agent-records: problem: reachable: There was no answer within 3 s'),
      mentions('orchestrator → agent-records: skipped: behind'),
    ]);
  });

  it('is looked at as far as it goes when it is of a version that knows of no challenges', async () => {
    const error = { message: 'There is no POST /challenge here.', type: 'invalid_request_error', param: null, code: 'not_found' };
    const notFound = () => ({ status: 404, body: { error } });
    expect(await findFaults({ before: { agent: startMangler({ path: '/challenge', change: notFound }) } })).toEqual([
      mentions('orchestrator → agent-records: skipped: secret'),
    ]);
    const differs = { agent: { ORCHESTRATOR_API_KEY: OTHER }, before: { agent: startMangler({ path: '/challenge', change: notFound }) } };
    expect(await findFaults(differs)).toContainEqual(
      mentions('orchestrator → agent-records: problem: secret: ORCHESTRATOR_API_KEY differs'),
    );
  });
});

describe('a migration that is missing', () => {
  it('is named, in D1', async () => {
    const database = await ground.workers.databaseOf('rubot-middleware-dev', 'DB');
    await database.prepare("update d1_migrations set name = 'was ' || name where name like '0001%'").run();
    onTestFinished(async () => {
      await database.prepare("update d1_migrations set name = replace(name, 'was ', '')").run();
    });
    expect(await findFaults({})).toEqual([mentions('middleware → D1: problem: migrations: not applied: 0001_identity.sql')]);
  });

  it('is named, in PostgreSQL, and so is one that this build does not know', async () => {
    const client = new pg.Client({ connectionString: ground.databaseUrl });
    await client.connect();
    onTestFinished(() => client.end());
    await client.query("insert into rubot_migrations (made_at, hash) values (4000000000000, 'of the future')");
    expect(await findFaults({})).toEqual([
      mentions('orchestrator → PostgreSQL: warning: migrations: applied by a newer version: one made at 2096-10-02'),
    ]);
    await client.query('delete from rubot_migrations where made_at = 4000000000000');
    const { rows } = await client.query(
      'delete from rubot_migrations where made_at = (select max(made_at) from rubot_migrations) returning *',
    );
    expect(await findFaults({})).toEqual([mentions('orchestrator → PostgreSQL: problem: migrations: not applied: 00')]);
    await client.query('insert into rubot_migrations (made_at, hash) values ($1, $2)', [rows[0].made_at, rows[0].hash]);
    expect(await findFaults({})).toEqual([]);
  });
});

describe('what is kept encrypted', () => {
  it('is counted, and missed when its key is not there', async () => {
    const database = await ground.workers.databaseOf('rubot-middleware-dev', 'DB');
    const run = (statement: string) => database.prepare(statement).run();
    onTestFinished(async () => {
      for (const table of ['credentials', 'connections', 'audit_heads', 'tenants']) await run(`delete from ${table}`);
    });
    const saved = await fetch(`${ground.workers.urlOf('rubot-middleware-dev')}/internal/tenants`, {
      method: 'POST',
      headers: { authorization: `Bearer ${SECRETS.MIDDLEWARE_API_KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify({ tenant_id: 'acme', name: 'Acme' }),
    });
    expect(saved.status).toBe(201);
    await run("update audit_heads set key_id = '00112233445566aa' where chain = 'acme'");
    await run("insert into credentials values ('acme', 'weather', '00112233445566aa', 'box', 'now')");
    const config = (url: string) => JSON.stringify({ url, auth: { type: 'none' }, overrides: {} });
    await run(`insert into connections values ('acme', 'weather', 'http', '${config('https://api.example.com/')}', '{}', 'now')`);
    await run("insert into connections values ('acme', 'broken', 'http', '{', '{}', 'now')");
    expect(await findFaults({})).toEqual([
      mentions('middleware → D1: problem: encryption: 1 credentials of providers were made with an ENCRYPTION_SECRET'),
      mentions('middleware → D1: problem: encryption: 1 heads of audit chains'),
      mentions('middleware: warning: outbound: connections to hosts that are not in OUTBOUND_HOSTS: broken of acme, weather of acme'),
    ]);
  });
});

describe('a rotation that was begun', () => {
  it('is a warning at each service that still takes a former secret', async () => {
    const faults = await findFaults({
      gateway: { ADMIN_API_KEY_PREVIOUS: OTHER },
      agent: { ORCHESTRATOR_API_KEY: OTHER, ORCHESTRATOR_API_KEY_PREVIOUS: SECRETS.ORCHESTRATOR_API_KEY },
    });
    expect(faults).toEqual(
      [
        'gateway: warning: rotation: ADMIN_API_KEY',
        'orchestrator → agent-records: warning: secret: ORCHESTRATOR_API_KEY is being rotated',
        'agent-records: warning: rotation: ORCHESTRATOR_API_KEY',
      ].map(mentions),
    );
  });
});
