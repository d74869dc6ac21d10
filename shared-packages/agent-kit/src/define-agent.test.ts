import { describe, expect, it } from 'vitest';
import { defineAgent, mayUseProvider } from './define-agent.ts';

const DEFINITION = { id: 'helper', name: 'Helper', summary: 'Helps.', instructions: 'Help.' };

describe('an agent', () => {
  it.each([
    [['tables'], 'tables', true],
    [['tables'], 'shop', false],
    [['*'], 'shop', true],
    [[], 'tables', false],
  ])('with the providers %j may use %s: %s', (middlewareTools, provider, isAllowed) => {
    expect(mayUseProvider(defineAgent({ ...DEFINITION, middlewareTools }), provider)).toBe(isAllowed);
  });

  it('says that it can use whatever a tenant connects', () => {
    const { capabilities } = defineAgent({ ...DEFINITION, middlewareTools: ['*'] });
    expect(capabilities.tools).toEqual([{ name: 'connections', description: expect.any(String), effect: 'write' }]);
  });
});
