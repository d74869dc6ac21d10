import { readdir, readFile } from 'node:fs/promises';

/** Linux counts in ticks of 10 ms, whatever the kernel's own clock is. */
const TICK_MS = 10;

/** CPU time that a process has used so far, all threads; `undefined` where the system does not tell, as only Linux does here. */
export async function readCpuTimeMs(processId: number): Promise<number | undefined> {
  if (process.platform !== 'linux') return undefined;
  const { ownTicks } = await readStat(processId);
  return ownTicks * TICK_MS;
}

/** As above, with all that it has started, whether that still runs or not: PostgreSQL has a process for each connection. */
export async function readFamilyCpuTimeMs(processId: number): Promise<number | undefined> {
  if (process.platform !== 'linux') return undefined;
  const entries = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  // One that has ended since is counted by its parent.
  const stats = (await Promise.allSettled(entries.map((name) => readStat(Number(name))))).flatMap((result) =>
    result.status === 'fulfilled' ? [result.value] : [],
  );
  const family = stats.filter(({ id, parentId }) => id === processId || parentId === processId);
  return family.reduce((ticks, stat) => ticks + stat.ownTicks + (stat.id === processId ? stat.endedChildrenTicks : 0), 0) * TICK_MS;
}

interface Stat {
  readonly id: number;
  readonly parentId: number;
  readonly ownTicks: number;
  readonly endedChildrenTicks: number;
}

async function readStat(id: number): Promise<Stat> {
  const text = await readFile(`/proc/${id}/stat`, 'utf8');
  // The second field is the name in parentheses and may hold spaces; ppid is the 4th, utime, stime, cutime and cstime are the
  // 14th to 17th (proc_pid_stat(5)).
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const field = (number: number) => Number(fields[number - 3]);
  return { id, parentId: field(4), ownTicks: field(14) + field(15), endedChildrenTicks: field(16) + field(17) };
}
