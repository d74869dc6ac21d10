/** Thrown where work on a run ends here because the run waits in the queue again; its answer comes from whoever takes it up. */
export class RunMovedError extends Error {
  constructor() {
    super('the run waits in the queue again');
    this.name = 'RunMovedError';
  }
}
