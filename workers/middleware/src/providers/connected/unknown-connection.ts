import type { ConnectionRow } from '../../store/connections.ts';
import type { Provider } from '../provider.ts';

/** What stands for a connection of which nothing can be read: it is seen, and offers nothing. */
export function readUnknownConnection({ providerId }: Pick<ConnectionRow, 'providerId'>): Provider {
  return { id: providerId, auth: 'unknown', isConnected: false, tools: [] };
}
