// CPU time and memory of another process as the kernel accounts for it (proc(5), Linux only).
import { readdirSync, readFileSync } from 'node:fs';

export interface CpuSample {
  /** Run time of all live threads in nanoseconds, from schedstat. */
  readonly runNs: number;
  /** User and system time in clock ticks of 10 ms; coarse, kept to check the other one. */
  readonly ticks: number;
}

/** CLK_TCK is 100 on every Linux that Node runs on. */
export const TICK_US = 10_000;

/** Of the process and its children: a gate may have workers. */
export function sampleCpu(pid: number): CpuSample {
  let [runNs, ticks] = [0, 0];
  for (const one of withChildren(pid)) {
    for (const thread of readdirSync(`/proc/${one}/task`)) {
      runNs += threadRunNs(`/proc/${one}/task/${thread}/schedstat`);
    }
    const fields = statOf(one);
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return { runNs, ticks };
}

/** Resident memory in bytes, of the process and its children. */
export function residentBytes(pid: number): number {
  return withChildren(pid).reduce((sum, one) => {
    const status = readFileSync(`/proc/${one}/status`, 'latin1');
    return sum + Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
  }, 0);
}

function withChildren(pid: number): number[] {
  const others = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return [pid, ...others.map(Number).filter((other) => statOf(other)[1] === String(pid))];
}

/** Fields of /proc/<pid>/stat from the state on; none of a process that ended meanwhile. */
function statOf(pid: number): string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The command name may hold spaces; fields are counted from behind its closing parenthesis.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}

/** A thread may end between the listing and the read; its time is in `ticks` then. */
function threadRunNs(file: string): number {
  try {
    return Number(readFileSync(file, 'latin1').split(' ')[0]);
  } catch {
    return 0;
  }
}
