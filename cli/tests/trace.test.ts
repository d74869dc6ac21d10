import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Checkout, createCheckout, RUN_ID, run, startServer, TRACE_ID, toText, toTraceLines } from './_harness.ts';

let checkout: Checkout;
beforeEach(async () => {
  checkout = await createCheckout();
  await checkout.writeDevFile('http://127.0.0.1:8787');
  await writeFile(checkout.logFile, toText(toTraceLines()));
});
afterEach(() => checkout.remove());

describe('rubot trace', () => {
  it.each([TRACE_ID, RUN_ID])('prints the waterfall of %s', async (id) => {
    const { status, stdout, stderr } = await run(['trace', id], checkout.directory);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toContain(`trace ${TRACE_ID}`);
    expect(stdout).toContain('→ agent-conversational');
    expect(stdout).toContain('complete: every hop');
  });

  it('prints JSON', async () => {
    const { status, stdout } = await run(['trace', TRACE_ID, '--json'], checkout.directory);
    expect([status, JSON.parse(stdout)]).toEqual([0, expect.objectContaining({ trace_id: TRACE_ID, complete: true, problems: [] })]);
  });

  it('works from any folder of the checkout', async () => {
    const folder = join(checkout.directory, 'workers', 'gateway');
    await mkdir(folder, { recursive: true });
    expect((await run(['trace', TRACE_ID], folder)).status).toBe(0);
  });

  it('says so when an id is unknown', async () => {
    const { status, stdout, stderr } = await run(['trace', 'f'.repeat(32)], checkout.directory);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^rubot: .*rubot\.ndjson has no line of f{32}\. Check the id/);
    expect(stderr.trim()).not.toContain('\n');
  });

  it.each([
    [['trace']],
    [['trace', 'nonsense']],
    [['trace', TRACE_ID.toUpperCase()]],
    [['trace', TRACE_ID, '--wait', 'x']],
    [['tracer', TRACE_ID]],
    [[]],
  ])('takes %j for a misuse', async (parameters) => {
    const { status, stderr } = await run(parameters, checkout.directory);
    expect(status).toBe(2);
    expect(stderr).not.toBe('');
  });

  it('gives help without taking it for a failure', async () => {
    expect(await run(['--help'], checkout.directory)).toMatchObject({ status: 0, stdout: expect.stringContaining('smoke') });
  });

  it('waits for lines that are still on their way', async () => {
    const lines = toTraceLines();
    await writeFile(checkout.logFile, toText(lines.slice(0, 2)));
    const waiting = run(['trace', TRACE_ID, '--wait', '60'], checkout.directory);
    await appendFile(checkout.logFile, toText(lines.slice(2)));
    expect((await waiting).stdout).toContain('complete: every hop');
  });

  it('shows what there is when the time is up', async () => {
    await writeFile(checkout.logFile, toText(toTraceLines().slice(0, 2)));
    const { status, stdout } = await run(['trace', TRACE_ID, '--wait', '0.1'], checkout.directory);
    expect([status, stdout]).toEqual([0, expect.stringContaining('incomplete: ')]);
  });

  it('reads Axiom where that is configured, unless told not to, and shows the same', async () => {
    const rows = toTraceLines().map(({ timestamp, ...line }) => ({ _time: timestamp, ...line }));
    const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
    const columns = names.map((name) => rows.map((row) => (row as Record<string, unknown>)[name] ?? null));
    const asked: (string | undefined)[] = [];
    const axiom = await startServer(({ headers }, response) => {
      asked.push(headers.authorization);
      response.end(JSON.stringify({ tables: [{ fields: names.map((name) => ({ name })), columns }] }));
    });
    const environment = { AXIOM_TOKEN: 'xaat-token', AXIOM_DATASET: 'rubot', AXIOM_URL: axiom.url };
    const remote = await run(['trace', TRACE_ID], checkout.directory, environment);
    expect(asked).toEqual(['Bearer xaat-token']);
    const local = await run(['trace', TRACE_ID, '--local'], checkout.directory, environment);
    expect(asked).toHaveLength(1);
    expect(remote).toEqual(local);
    await axiom.close();
  });

  it('lists every problem of the environment', async () => {
    const environment = { AXIOM_DATASET: "x'] | union *", AXIOM_URL: 'ftp://x', AXIOM_TOKEN: 'xaat-secret' };
    const { status, stderr } = await run(['trace', TRACE_ID], checkout.directory, environment);
    expect(status).toBe(1);
    expect(stderr).toMatch(/AXIOM_DATASET[\s\S]*AXIOM_URL/);
    expect(stderr).not.toContain('xaat-secret');
    expect((await run(['trace', TRACE_ID], checkout.directory, { AXIOM_TOKEN: 'xaat-secret' })).stderr).toContain('AXIOM_DATASET');
  });

  it('says what to do about a stack file that it cannot read', async () => {
    await writeFile(join(checkout.directory, '.rubot', 'dev.json'), '{"gateway_url":');
    const { status, stderr } = await run(['trace', TRACE_ID], checkout.directory);
    expect([status, stderr]).toEqual([1, expect.stringMatching(/dev\.json .*npm start/)]);
  });
});
