import { createWorkerFetch } from '@rubot/http/worker-entry';
import { createMiddlewareApp } from './app.ts';
import { buildDeps, type MiddlewareBindings } from './deps.ts';
import { SERVICE } from './env.ts';

export default {
  fetch: createWorkerFetch<MiddlewareBindings>({
    service: SERVICE,
    build: async (bindings) => createMiddlewareApp(await buildDeps(bindings)),
  }),
} satisfies ExportedHandler<MiddlewareBindings>;
