/** The tenant that the local stack comes with, and who speaks for it. */
export const DEMO = { tenant_id: 'demo', sender_id: 'demo-sender', session_id: 'demo-session' } as const;

export type Demo = typeof DEMO;

/** Files of `seed/` and the tables that are made of them. */
export const DEMO_TABLES = ['products', 'orders'] as const;
