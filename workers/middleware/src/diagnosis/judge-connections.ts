import type { Finding } from '@rubot/contracts/diagnosis';
import { ok, warning } from '@rubot/diagnosis/finding';
import { checkTarget, type TargetRules } from '../providers/outbound/target.ts';
import type { ConnectionAddress } from '../store/diagnosis.ts';

const MAX_NAMED = 5;

/** Whether the hosts that tenants were connected to are still allowed. */
export function judgeConnections(addresses: readonly ConnectionAddress[], rules: TargetRules): Finding {
  const looked = { check: 'outbound', subject: 'middleware' };
  const refused = addresses.filter(({ url }) => !isAllowed(url, rules));
  if (refused.length === 0) {
    return ok(
      looked,
      addresses.length === 0 ? 'no tenant is connected to anything outside' : `all ${addresses.length} connections may be reached`,
    );
  }
  const named = refused.slice(0, MAX_NAMED).map(({ tenantId, providerId }) => `${providerId} of ${tenantId}`);
  const more = refused.length > MAX_NAMED ? ` and ${refused.length - MAX_NAMED} more` : '';
  return warning(
    looked,
    `connections to hosts that are not in OUTBOUND_HOSTS: ${named.join(', ')}${more}`,
    'Their tools are refused. Add the hosts to OUTBOUND_HOSTS, or delete the connections: rubot connections delete',
  );
}

function isAllowed(url: string | null, rules: TargetRules): boolean {
  try {
    checkTarget(url ?? '', rules);
    return true;
  } catch {
    return false;
  }
}
