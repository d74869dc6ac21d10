import { accepted } from './nemeses/accepted.ts';
import { cancels } from './nemeses/cancels.ts';
import { databaseCrashes } from './nemeses/database-crashes.ts';
import { keys } from './nemeses/keys.ts';
import { kills } from './nemeses/kills.ts';
import { pauses } from './nemeses/pauses.ts';
import { poison } from './nemeses/poison.ts';
import { readOnly } from './nemeses/read-only.ts';
import { resume } from './nemeses/resume.ts';
import { rollingRestarts } from './nemeses/rolling-restarts.ts';
import { takeover, takeoverByDefault } from './nemeses/takeover.ts';
import type { Nemesis } from './nemesis.ts';

export const NEMESES: readonly Nemesis[] = [
  kills,
  pauses,
  databaseCrashes,
  readOnly,
  accepted,
  rollingRestarts,
  poison,
  cancels,
  resume,
  keys,
  takeover,
  takeoverByDefault,
];
