import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ToolPolicy, ToolRule } from '../../store/tenant-access.ts';
import { decideToolAccess } from './decide-access.ts';

const SCOPES = ['tools:read', 'tools:write'];
const READ = { name: 'notes_read', effect: 'read' } as const;
const WRITE = { name: 'notes_write', effect: 'write' } as const;
/** A tool that asks for a person by itself. */
const PAY = { name: 'notes_pay', effect: 'write', needsApproval: true } as const;

function policyOf(toolPolicy: 'all' | 'listed', rules: Record<string, ToolRule> = {}, approveWrites = false): ToolPolicy {
  return { toolPolicy, approveWrites, rules: new Map(Object.entries(rules)) };
}

const on: ToolRule = { enabled: true, needsApproval: null };
const off: ToolRule = { enabled: false, needsApproval: null };
const closed = { isOpen: false, reason: 'tool_not_enabled' };

describe('whether a tool is open', () => {
  it.each([
    ['all, nothing said', policyOf('all'), true],
    ['all, enabled', policyOf('all', { notes_read: on }), true],
    ['all, disabled', policyOf('all', { notes_read: off }), false],
    ['all, another one disabled', policyOf('all', { notes_write: off }), true],
    ['listed, nothing said', policyOf('listed'), false],
    ['listed, enabled', policyOf('listed', { notes_read: on }), true],
    ['listed, disabled', policyOf('listed', { notes_read: off }), false],
    ['listed, another one enabled', policyOf('listed', { notes_write: on }), false],
  ])('%s', (_name, policy, isOpen) => {
    expect(decideToolAccess({ policy, scopes: SCOPES, tool: READ })).toEqual(isOpen ? { isOpen, needsApproval: false } : closed);
  });

  it.each([
    [READ, 'tools:write'],
    [WRITE, 'tools:read'],
    [WRITE, 'connections:read'],
  ])('not without its own scope: %o with %s', (tool, scope) => {
    const refused = { isOpen: false, reason: 'scope_missing' };
    expect(decideToolAccess({ policy: policyOf('all'), scopes: [scope], tool })).toEqual(refused);
    expect(decideToolAccess({ policy: policyOf('all', { [tool.name]: on }), scopes: [], tool })).toEqual(refused);
  });
});

describe('whether a person has to agree', () => {
  const approve: ToolRule = { enabled: true, needsApproval: true };
  const loosen: ToolRule = { enabled: true, needsApproval: false };

  it.each([
    ['nothing said', WRITE, policyOf('all'), false],
    ['all that write', WRITE, policyOf('all', {}, true), true],
    ['all that write, to one that reads', READ, policyOf('all', {}, true), false],
    ['this one', WRITE, policyOf('all', { notes_write: approve }), true],
    ['this one, that reads', READ, policyOf('all', { notes_read: approve }), true],
    ['all that write, but this one', WRITE, policyOf('all', { notes_write: loosen }, true), false],
    ['all that write, and nothing of this one', WRITE, policyOf('all', { notes_write: on }, true), true],
    ['the tool itself', PAY, policyOf('all'), true],
    ['the tool itself, whatever is said of it', PAY, policyOf('all', { notes_pay: loosen }), true],
  ])('%s', (_name, tool, policy, needsApproval) => {
    expect(decideToolAccess({ policy, scopes: SCOPES, tool })).toEqual({ isOpen: true, needsApproval });
  });

  it('never less for any policy than the tool itself asks for, nor than all that write where nothing is said of it', () => {
    const rule = fc.record({ enabled: fc.boolean(), needsApproval: fc.constantFrom(true, false, null) });
    const policy = fc.record({
      toolPolicy: fc.constantFrom('all' as const, 'listed' as const),
      approveWrites: fc.boolean(),
      rules: fc.dictionary(fc.constantFrom(READ.name, WRITE.name, PAY.name), rule).map((rules) => new Map(Object.entries(rules))),
    });
    let open = 0;
    fc.assert(
      fc.property(policy, fc.constantFrom(READ, WRITE, PAY), (anyPolicy, tool) => {
        const access = decideToolAccess({ policy: anyPolicy, scopes: SCOPES, tool });
        if (!access.isOpen) return;
        open += 1;
        if (tool === PAY) expect(access.needsApproval).toBe(true);
        const said = anyPolicy.rules.get(tool.name)?.needsApproval ?? null;
        if (anyPolicy.approveWrites && tool.effect === 'write' && said === null) expect(access.needsApproval).toBe(true);
      }),
      { numRuns: 500 },
    );
    expect(open).toBeGreaterThan(100);
  });
});
