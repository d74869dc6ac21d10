import { describe } from 'vitest';
import { takeover } from '../nemeses/takeover.ts';
import { itSurvives } from './_strike.ts';

describe('durable runs, when their process is gone', () => {
  itSurvives(takeover);
});
