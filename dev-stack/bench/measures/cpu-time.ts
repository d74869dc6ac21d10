import { readFile } from 'node:fs/promises';

/** Linux counts in ticks of 10 ms, whatever the kernel's own clock is. */
const TICK_MS = 10;

/** CPU time that a process has used so far, all threads; `undefined` where the system does not tell, as only Linux does here. */
export async function readCpuTimeMs(processId: number): Promise<number | undefined> {
  if (process.platform !== 'linux') return undefined;
  const text = await readFile(`/proc/${processId}/stat`, 'utf8');
  // The second field is the name in parentheses and may hold spaces; utime and stime are the 14th and 15th (proc_pid_stat(5)).
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}
