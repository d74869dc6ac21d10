import type { ProcessEnd } from '../processes/start-process.ts';
import type { StackKeys } from './keys.ts';
import type { StackUrls } from './urls.ts';

export interface StackOptions {
  /** A free one by default. */
  readonly gatewayPort?: number;
  /** Folder in which D1 keeps its data; in memory by default. */
  readonly persistDirectory?: string;
  /** Folder of the database of runs; a temporary one by default. */
  readonly postgresDirectory?: string;
  /** File to which every log line is appended. */
  readonly logFile?: string;
  /** New ones by default. */
  readonly keys?: StackKeys;
  /** Added to what a service is given, or instead of it, by its folder: `{ orchestrator: { HEARTBEAT_MS: '50' } }`. */
  readonly variables?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** What the agents and the orchestrator know of models; without it the demo model answers. */
  readonly modelVariables?: Readonly<Record<string, string>>;
  /** Ids of the agents to start; all in `services/` by default. */
  readonly agents?: readonly string[];
  /** Entries of the registry beside the started agents, or instead of them: one origin, or one a replica. */
  readonly extraAgents?: Readonly<Record<string, string | readonly string[]>>;
  /** An origin that stands in for the orchestrator; then neither it nor any agent is started. */
  readonly orchestratorUrl?: string;
  /** Puts something between services: given where each is, tells where the others shall find it. */
  readonly reroute?: (urls: StackUrls) => StackUrls;
  /** False for an empty platform without the demo tenant. */
  readonly seed?: boolean;
  /** Each log line as a service printed it. */
  readonly onLine?: (line: string) => void;
  /** Told of a service that ended without having been asked to. */
  readonly onCrash?: (end: ProcessEnd) => void;
  /** Told once when the log store can no longer be written. */
  readonly onLogStoreFailure?: (error: Error) => void;
  /** What services print beside log lines. */
  readonly onNoise?: (line: string) => void;
}
