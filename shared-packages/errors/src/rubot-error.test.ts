import { ERROR_CODES } from '@rubot/contracts/error';
import { describe, expect, it } from 'vitest';
import { codeOfStatus, ERROR_TABLE } from './codes.ts';
import { fromOpenAiErrorData, fromOpenAiResponse } from './from-openai.ts';
import { RubotError } from './rubot-error.ts';
import { toLogError } from './to-log.ts';
import { toOpenAiResponse, toSseErrorFrame } from './to-openai.ts';

async function read(response: Response, peer: string): Promise<RubotError> {
  return fromOpenAiResponse(response, await response.text(), peer);
}

describe('RubotError', () => {
  it('pins status, type and retryability of every code: clients branch on them', () => {
    expect(Object.entries(ERROR_TABLE).map(([code, { status, type, retryable }]) => [code, status, type, retryable])).toEqual([
      ['invalid_request', 400, 'invalid_request_error', false],
      ['invalid_api_key', 401, 'authentication_error', false],
      ['forbidden', 403, 'permission_error', false],
      ['not_found', 404, 'invalid_request_error', false],
      ['model_not_found', 404, 'invalid_request_error', false],
      ['request_timeout', 408, 'invalid_request_error', true],
      ['conflict', 409, 'invalid_request_error', false],
      ['payload_too_large', 413, 'invalid_request_error', false],
      ['unsupported_media_type', 415, 'invalid_request_error', false],
      ['idempotency_mismatch', 422, 'invalid_request_error', false],
      ['rate_limited', 429, 'rate_limit_error', true],
      ['insufficient_quota', 429, 'insufficient_quota', false],
      ['cancelled', 499, 'request_cancelled', false],
      ['slow_reader', 408, 'server_error', false],
      ['internal', 500, 'server_error', false],
      ['run_crashed', 500, 'server_error', false],
      ['misconfigured', 500, 'server_error', false],
      ['unsupported_wire_version', 502, 'server_error', false],
      ['upstream_failed', 502, 'server_error', false],
      ['stream_interrupted', 502, 'server_error', false],
      ['unavailable', 503, 'server_error', true],
      ['deadline_exceeded', 504, 'server_error', false],
    ]);
    expect(Object.keys(ERROR_TABLE)).toEqual([...ERROR_CODES]);
  });

  it('becomes one that is not to be repeated, and stays the same failure in all else', () => {
    const cause = new TypeError('socket hang up');
    const details = { param: 'model', operatorDetail: 'replica 2', saidByPeer: true, cause };
    const error = new RubotError('rate_limited', 'Too many requests. Wait a second.', { ...details, retryAfterMs: 1_000 });
    const final = error.toFinal();
    expect(final).toMatchObject({ code: 'rate_limited', message: error.message, retryable: false, retryAfterMs: undefined, ...details });
    const { headers } = toOpenAiResponse(final);
    expect([headers.get('x-should-retry'), headers.get('retry-after')]).toEqual(['false', null]);
    expect(final.toFinal()).toBe(final);
    expect('cause' in new RubotError('unavailable', 'Draining.').toFinal()).toBe(false);
  });

  it('lends a caller nothing of a foreign error, and keeps it for the log', async () => {
    const error = RubotError.from(new TypeError('password=hunter2'));
    expect(await toOpenAiResponse(error).text()).not.toContain('hunter2');
    expect(toLogError(error)).toMatchObject({ code: 'internal', detail: 'TypeError: password=hunter2' });
    expect(RubotError.from('a thrown string').code).toBe('internal');
  });

  it('survives the wire with code, param, retry advice and message', async () => {
    const sent = new RubotError('rate_limited', 'Too many requests. Wait a second.', { param: 'model', retryAfterMs: 1_500 });
    const response = toOpenAiResponse(sent);
    expect(response.headers.get('retry-after')).toBe('2');
    const received = await read(response, 'the orchestrator');
    expect(received).toMatchObject({ code: 'rate_limited', message: sent.message, param: 'model', retryAfterMs: 1_500, retryable: true });
  });

  it('takes from a foreign body its status alone', async () => {
    const page = new Response('<html><h1>Bad gateway: db at 10.0.0.3</h1></html>', {
      status: 502,
      headers: { 'content-type': 'text/html' },
    });
    const error = await read(page, 'the orchestrator');
    expect(error.code).toBe('upstream_failed');
    expect(error.message).not.toContain('10.0.0.3');
  });

  it('does not take a 503 of a proxy for the proof that nothing has begun', async () => {
    const page = (headers: Record<string, string>) => new Response('<html>upstream reset</html>', { status: 503, headers });
    expect(await read(page({}), 'peer')).toMatchObject({ code: 'unavailable', retryable: false, saidByPeer: false });
    expect(await read(page({ 'x-should-retry': 'true' }), 'peer')).toMatchObject({ code: 'unavailable', retryable: true });
    const own = await read(toOpenAiResponse(new RubotError('unavailable', 'Draining.')), 'peer');
    expect(own).toMatchObject({ code: 'unavailable', retryable: true, saidByPeer: true });
  });

  it('falls back to the header, then to the status, for a code it does not know', async () => {
    const body = JSON.stringify({ error: { message: 'new', type: 't', param: null, code: 'from_the_future' } });
    const withHeader = new Response(body, { status: 409, headers: { 'x-rubot-error-code': 'forbidden' } });
    expect((await read(withHeader, 'peer')).code).toBe('forbidden');
    expect((await read(new Response(body, { status: 409 }), 'peer')).code).toBe('conflict');
    expect(codeOfStatus(418)).toBe('invalid_request');
    expect(codeOfStatus(599)).toBe('upstream_failed');
  });

  it('reads its own stream frame back', () => {
    const frame = toSseErrorFrame(new RubotError('stream_interrupted', 'cut'));
    expect(frame.endsWith('\n\n')).toBe(true);
    expect(fromOpenAiErrorData(JSON.parse(frame.slice('data: '.length)))?.code).toBe('stream_interrupted');
    expect(fromOpenAiErrorData({ choices: [] })).toBeUndefined();
  });
});
