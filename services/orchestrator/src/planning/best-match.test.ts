import type { Capabilities } from '@rubot/contracts/agent';
import { describe, expect, it } from 'vitest';
import { createAgent } from '../agents/agent.ts';
import type { DescribedAgent } from '../agents/eligible.ts';
import { findBestMatch } from './best-match.ts';

function describeAgent(id: string, summary: string, tools: Capabilities['tools'] = []): DescribedAgent {
  return { agent: createAgent(id, []), capabilities: { schema_version: '1', source_id: id, name: id, summary, tools } };
}

const tool = { name: 'invoice_lookup', description: 'Finds a bill.', effect: 'read' };
const offered = [
  describeAgent('chat', 'Small talk.'),
  describeAgent('tables', 'Products and orders.'),
  describeAgent('billing', 'Payments.', [tool]),
];

describe('the agent that fits without a planner', () => {
  it.each([
    ['which PRODUCTS and orders are late?', 'tables'],
    ['lookup an invoice', 'billing'],
    ['tables', 'tables'],
    ['Grüß Gott', 'chat'],
    ['', 'chat'],
  ])('for %j is %s', (question, id) => {
    expect(findBestMatch(offered, question).agent.id).toBe(id);
  });
});
