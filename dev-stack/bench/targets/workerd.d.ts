/** The package publishes no types. */
declare module 'workerd' {
  const workerd: {
    /** Where the binary for this machine is. */
    readonly default: string;
  };
  export = workerd;
}
