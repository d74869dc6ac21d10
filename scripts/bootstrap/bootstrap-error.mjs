/** A failure whose message is one line for the person at the terminal: what happened, and what to do. */
export class BootstrapError extends Error {
  /** @param {string} message @param {number} [status] exit status */
  constructor(message, status = 1) {
    super(message);
    this.name = 'BootstrapError';
    this.status = status;
  }

  static incompleteCheckout(path) {
    return new BootstrapError(`${path} is missing, this checkout is not complete. Run \`git restore .\` or clone again.`);
  }
}
