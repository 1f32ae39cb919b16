// When to renew a secret before it ends, and when to try again after a failure.
import { backoffMs, jittered } from '../backoff.ts';
import { SECRETS } from '../limits/services.ts';

/** How long to wait before what has `leftMs` to live is replaced, with jitter. */
export function dueInMs(leftMs: number): number {
  const waitMs = leftMs * SECRETS.renewAfterShare * (1 - Math.random() * SECRETS.jitterShare);
  return Math.min(Math.max(waitMs, SECRETS.retryMinMs), SECRETS.longestWaitMs);
}

/** How long to wait after `failures` in a row, with jitter. */
export function retryInMs(failures: number): number {
  return jittered(backoffMs(failures, SECRETS.retryMinMs, SECRETS.retryMaxMs));
}
