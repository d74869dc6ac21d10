import type { Tool } from '../../providers/provider.ts';
import type { RefusalReason } from '../../refusal.ts';
import type { ToolPolicy } from '../../store/tenant-access.ts';

export type ToolAccess =
  | { readonly isOpen: true; readonly needsApproval: boolean }
  | { readonly isOpen: false; readonly reason: Extract<RefusalReason, 'scope_missing' | 'tool_not_enabled'> };

export interface AccessQuestion {
  readonly policy: ToolPolicy;
  /** Of the bearer. */
  readonly scopes: readonly string[];
  readonly tool: Pick<Tool, 'name' | 'effect' | 'needsApproval'>;
}

/** The one rule of which tools there are for a caller: those that it is told of are those that it may call. */
export function decideToolAccess({ policy, scopes, tool }: AccessQuestion): ToolAccess {
  if (!scopes.includes(`tools:${tool.effect}`)) return { isOpen: false, reason: 'scope_missing' };
  const rule = policy.rules.get(tool.name);
  const isEnabled = rule?.enabled ?? policy.toolPolicy === 'all';
  if (!isEnabled) return { isOpen: false, reason: 'tool_not_enabled' };
  // What is said of one tool goes before what is said of all that write. A tool that asks for a person itself is never let off.
  const isAskedFor = rule?.needsApproval ?? (policy.approveWrites && tool.effect === 'write');
  return { isOpen: true, needsApproval: isAskedFor || tool.needsApproval === true };
}
