import { describe } from 'vitest';
import { accepted } from '../nemeses/accepted.ts';
import { kills } from '../nemeses/kills.ts';
import { pauses } from '../nemeses/pauses.ts';
import { poison } from '../nemeses/poison.ts';
import { rollingRestarts } from '../nemeses/rolling-restarts.ts';
import { itSurvives } from './_strike.ts';

describe('durable runs, when processes end or stand still', () => {
  itSurvives(kills);
  itSurvives(pauses);
  itSurvives(accepted);
  itSurvives(rollingRestarts);
  itSurvives(poison);
});
