import { createDecipheriv, createHmac, hkdfSync } from 'node:crypto';
import { bundleWorker } from '@rubot/testkit/workerd/bundle-worker';
import { Miniflare } from 'miniflare';
import { expect, it, onTestFinished } from 'vitest';
import { deriveMacKeys, deriveSealKeys } from '../src/derive.ts';
import { makeMac } from '../src/mac.ts';
import { seal, unseal } from '../src/seal.ts';
import { ALONE, SECRET } from './_secrets.ts';

// What these say is in databases and in tokens out in the world: a change to how keys are made would lose all of it.
const MAC = { keyId: '927cbe6cf0fe5adc', mac: 'qnCFseMLbTNZHZTE8aNw8dXoIK7A_d4_OC3fdR7D9kI' };
const SEALED = { keyId: 'adf7cc0ffbd9a0cf', box: 'ySL0JKcTse-V3NsLsxUTqkRWkw0BCOR_u60U-EI51ccnni7L9K6b' };
const CONTEXT = ['acme', 'github'];
const TEXT = 'ghp_grüße';

/** RFC 5869, by another implementation of it. */
function hkdf(purpose: string, bytes: number): Buffer {
  return Buffer.from(hkdfSync('sha256', SECRET, '', `rubot/${purpose}`, bytes));
}

it('derives as RFC 5869 says, for keys and for their ids', async () => {
  const made = await makeMac(await deriveMacKeys(ALONE, 'audit-heads/v1'), TEXT);
  expect(made).toEqual({
    keyId: hkdf('audit-heads/v1/key id', 8).toString('hex'),
    mac: createHmac('sha256', hkdf('audit-heads/v1', 32)).update(TEXT).digest('base64url'),
  });
  const { keyId, box } = await seal(await deriveSealKeys(ALONE, 'credentials/v1'), TEXT, CONTEXT);
  expect(keyId).toBe(hkdf('credentials/v1/key id', 8).toString('hex'));
  const bytes = Buffer.from(box, 'base64url');
  const decipher = createDecipheriv('aes-256-gcm', hkdf('credentials/v1', 32), bytes.subarray(0, 12));
  decipher.setAAD(Buffer.from(JSON.stringify([...CONTEXT, keyId]))).setAuthTag(bytes.subarray(-16));
  expect(Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]).toString()).toBe(TEXT);
});

it('has not changed since it was first used', async () => {
  expect(await makeMac(await deriveMacKeys(ALONE, 'audit-heads/v1'), TEXT)).toEqual(MAC);
  expect(await unseal(await deriveSealKeys(ALONE, 'credentials/v1'), SEALED, CONTEXT)).toBe(TEXT);
});

it('is the same in workerd', async () => {
  const bundle = async (file: string) => ({
    type: 'ESModule' as const,
    path: `${file}.mjs`,
    contents: await bundleWorker(new URL(`../src/${file}.ts`, import.meta.url)),
  });
  const contents = `
    import { deriveMacKeys, deriveSealKeys } from './derive.mjs';
    import { makeMac } from './mac.mjs';
    import { unseal } from './seal.mjs';
    export default {
      async fetch(request) {
        const { secret, text, sealed, context } = await request.json();
        const mac = await makeMac(await deriveMacKeys(secret, 'audit-heads/v1'), text);
        return Response.json({ mac, text: await unseal(await deriveSealKeys(secret, 'credentials/v1'), sealed, context) });
      },
    };`;
  const main = { type: 'ESModule' as const, path: 'main.mjs', contents };
  const modules = [main, ...(await Promise.all(['derive', 'mac', 'seal'].map(bundle)))];
  const miniflare = new Miniflare({ modules, compatibilityDate: '2026-01-01', cf: false, telemetry: { enabled: false } });
  onTestFinished(() => miniflare.dispose());
  const body = JSON.stringify({ secret: ALONE, text: TEXT, sealed: SEALED, context: CONTEXT });
  const response = await miniflare.dispatchFetch('http://keys.test/', { method: 'POST', body });
  expect(await response.json()).toEqual({ mac: MAC, text: TEXT });
});
