import { describe } from 'vitest';
import { cancels } from '../nemeses/cancels.ts';
import { keys } from '../nemeses/keys.ts';
import { resume } from '../nemeses/resume.ts';
import { itSurvives } from './_strike.ts';

describe('durable runs, when clients come again, come twice, or want no more', () => {
  itSurvives(resume);
  itSurvives(keys);
  itSurvives(cancels);
});
