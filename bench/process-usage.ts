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

export function sampleCpu(pid: number): CpuSample {
  let runNs = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    runNs += threadRunNs(`/proc/${pid}/task/${thread}/schedstat`);
  }
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The command name may hold spaces; fields are counted from behind its closing parenthesis.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { runNs, ticks: Number(fields[11]) + Number(fields[12]) };
}

/** Resident memory in bytes. */
export function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
}

/** A thread may end between the listing and the read; its time is in `ticks` then. */
function threadRunNs(file: string): number {
  try {
    return Number(readFileSync(file, 'latin1').split(' ')[0]);
  } catch {
    return 0;
  }
}
