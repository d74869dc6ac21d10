import { defineAgent } from '@rubot/agent-kit/define-agent';
import { instructions } from './instructions.ts';

export const agent = defineAgent({
  id: 'tables',
  name: 'Tables',
  summary:
    "Answers questions over the tenant's tables, such as products, inventory, stock and reorder levels, customers, orders, prices, sales: lists, counts, totals, averages, comparisons. Can add and delete rows, and create a table from CSV.",
  instructions,
  middlewareTools: ['tables'],
  maxSteps: 10,
});
