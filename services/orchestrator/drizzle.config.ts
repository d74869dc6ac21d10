import { defineConfig } from 'drizzle-kit';

export default defineConfig({
  dialect: 'postgresql',
  schema: './src/runs/postgres/schema.ts',
  out: './src/migrations',
});
