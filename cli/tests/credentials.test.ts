import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Checkout, createCheckout, run, startServer } from './_harness.ts';

let checkout: Checkout;
let gateway: Awaited<ReturnType<typeof startServer>>;
let pages: Record<string, unknown>[];
let asked: string[];

beforeEach(async () => {
  checkout = await createCheckout();
  asked = [];
  gateway = await startServer(({ method, url }, response) => {
    asked.push(`${method} ${url}`);
    return response.end(JSON.stringify(pages.shift()));
  });
  await checkout.writeDevFile(gateway.url);
});
afterEach(async () => {
  await gateway.close();
  await checkout.remove();
});

const reencrypt = () => run(['credentials', 'reencrypt'], checkout.directory);

describe('rubot credentials reencrypt', () => {
  it('goes on until nothing is left', async () => {
    pages = [
      { reencrypted: 50, remaining: 51, unreadable: 0 },
      { reencrypted: 50, remaining: 1, unreadable: 0 },
      { reencrypted: 1, remaining: 0, unreadable: 0, audit_heads: { signed: 2, unreadable: 0 } },
    ];
    expect(await reencrypt()).toEqual({
      status: 0,
      stdout: '101 brought under the current key, 0 left, 0 unreadable; 2 audit chains signed anew.\n',
      stderr: '',
    });
    expect(asked).toEqual(Array.from({ length: 3 }, () => 'POST /admin/credentials/reencrypt'));
  });

  it('fails, and does not go on for ever, where something cannot be read, or stays', async () => {
    pages = [{ reencrypted: 2, remaining: 0, unreadable: 3 }];
    expect(await reencrypt()).toMatchObject({ status: 1, stderr: expect.stringContaining('3 cannot be read with any key') });
    pages = [{ reencrypted: 0, remaining: 4, unreadable: 0 }];
    expect(await reencrypt()).toMatchObject({ status: 1, stderr: expect.stringContaining('4 are left as they were') });
  });
});
