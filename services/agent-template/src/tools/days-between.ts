import { defineTool } from '@rubot/agent-kit/define-tool';
import { z } from 'zod';

const MS_PER_DAY = 86_400_000;

/** Both dates are days of the calendar: no time of day, no time zone. */
export const daysBetween = defineTool({
  description: 'Counts the days from one date to another. Negative when the second is the earlier one.',
  effect: 'read',
  input: z.object({
    from: z.iso.date().describe('The first date, as YYYY-MM-DD.'),
    to: z.iso.date().describe('The second date, as YYYY-MM-DD.'),
  }),
  run: ({ from, to }) => ({ days: Math.round((Date.parse(to) - Date.parse(from)) / MS_PER_DAY) }),
});
