// A request that is carried out another time: where that is, and how often it happens, is counted by its reason.
import type { Exchange } from './exchange.ts';
import type { Gate } from './gate.ts';

/** A node did nothing of it: another one is asked, once. */
export function moveOn(
  { attempt }: Exchange,
  services: Pick<Gate, 'metrics'>,
  from: string,
  reason: string,
): void {
  attempt.movesOn(from);
  countRepeat(services, reason);
}

export function countRepeat({ metrics }: Pick<Gate, 'metrics'>, reason: string): void {
  metrics.counter('requests_repeated_total', reason).value++;
}
