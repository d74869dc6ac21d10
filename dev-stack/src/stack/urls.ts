export interface StackUrls {
  readonly gateway: string;
  readonly middleware: string;
  readonly orchestrator: string;
  /** Of the agents that were started. */
  readonly agents: Readonly<Record<string, string>>;
}
