import { createWorkerFetch } from '@rubot/http/worker-entry';
import { createGatewayApp } from './app.ts';
import { buildDeps, type GatewayBindings } from './deps.ts';
import { SERVICE } from './env.ts';

export default {
  fetch: createWorkerFetch<GatewayBindings>({
    service: SERVICE,
    build: async (bindings) => createGatewayApp(await buildDeps(bindings)),
  }),
} satisfies ExportedHandler<GatewayBindings>;
