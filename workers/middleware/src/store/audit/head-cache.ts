import type { ChainPosition } from '@rubot/audit/chain-verifier';

/**
 * Where chains ended when this isolate last wrote to them. A guess that saves a round trip: an entry that was appended
 * elsewhere since then refuses the next one here, and the head is read. It is also what a head that was put back to an
 * earlier state is caught by.
 */
export interface HeadCache {
  recall(chain: string): ChainPosition | undefined;
  remember(chain: string, position: ChainPosition): void;
  forget(chain: string): void;
}

const MAX_CHAINS = 1_000;

export function createHeadCache(): HeadCache {
  const positions = new Map<string, ChainPosition>();
  return {
    recall: (chain) => positions.get(chain),
    remember(chain, position) {
      positions.delete(chain);
      positions.set(chain, position);
      const [oldest] = positions.keys();
      if (positions.size > MAX_CHAINS && oldest !== undefined) positions.delete(oldest);
    },
    forget: (chain) => void positions.delete(chain),
  };
}
