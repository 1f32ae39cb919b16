// When to act before something ends.
import { SECRETS } from '../limits/services.ts';

/** How long to wait before what has `leftMs` to live is replaced, with jitter. */
export function dueInMs(leftMs: number): number {
  const waitMs = leftMs * SECRETS.renewAfterShare * (1 - Math.random() * SECRETS.jitterShare);
  return Math.min(Math.max(waitMs, SECRETS.retryMinMs), SECRETS.longestWaitMs);
}

/** How long to wait after `failures` in a row, with jitter. */
export function backoffMs(failures: number): number {
  const waitMs = SECRETS.retryMinMs * 2 ** Math.min(failures - 1, 10);
  return Math.min(waitMs, SECRETS.retryMaxMs) * (0.5 + Math.random() / 2);
}
