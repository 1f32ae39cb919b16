// The commit of a pipeline run. Bitbucket is asked for it when it is first needed, with one request in flight for a
// run. Answers are kept, failures only briefly. If a commit cannot be verified, the reason is returned.
import { setTimeout as delay } from 'node:timers/promises';
import { later, monotonicMs, msBetween, type MonotonicMs } from '../clock.ts';
import { compoundKey } from '../compound-key.ts';
import { FairSlots, QueueFault, type Turn } from '../fair-queue.ts';
import type { Principal } from '../identity/principal.ts';
import { VCS } from '../limits/services.ts';
import type { CommitMode } from '../policy/role.ts';
import type { AskPipeline } from './bitbucket.ts';
import { checked, type LookUp, type VcsFacts } from './facts.ts';
import { runOf, type PipelineRun } from './pipeline-run.ts';
import { Pause, type PauseOptions } from './pause.ts';

/** How a look-up ended, for metrics. */
export type LookUpResult = 'verified' | 'unverified' | 'unavailable';

export interface CommitSourceOptions extends PauseOptions {
  /** null if no token for Bitbucket's API is configured. */
  readonly ask: AskPipeline | null;
  /** The names of the issuers whose tokens belong to pipelines. */
  readonly issuers: ReadonlySet<string>;
  /** The mode for tokens of these issuers, unless the role says otherwise. */
  readonly mode: CommitMode;
  readonly onLookUp?: (result: LookUpResult) => void;
  /** One request failed; the text is for the log. */
  readonly onFailed?: (detail: string) => void;
}

interface Known {
  readonly lookUp: LookUp;
  /** When Bitbucket said so. */
  readonly saidAtMs: MonotonicMs;
  readonly freshUntilMs: MonotonicMs;
}

export class CommitSource {
  readonly #options: CommitSourceOptions;
  readonly #nowMs: () => MonotonicMs;
  readonly #pause: Pause;
  readonly #slots = new FairSlots({
    slots: VCS.requestsAtOnce,
    perKey: VCS.requestsPerRole,
    waiting: VCS.runsWaiting,
    waitMs: VCS.lookUpMs,
  });
  /** In order of arrival; the oldest is forgotten first. */
  readonly #known = new Map<string, Known>();
  readonly #underWay = new Map<string, Promise<LookUp>>();

  constructor(options: CommitSourceOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? monotonicMs;
    this.#pause = new Pause(options);
  }

  /** The mode for a schema change: that of the role, else that of the configuration. */
  modeFor(principal: Principal, own: CommitMode | null): CommitMode {
    if (own !== null) return own;
    return this.#options.issuers.has(principal.issuerName) ? this.#options.mode : 'off';
  }

  /** What was found before and is still valid, without asking again. */
  known(principal: Principal): VcsFacts | null {
    const run = this.#runOf(principal);
    const known = run === null ? undefined : this.#known.get(keyOf(run));
    if (known === undefined || known.freshUntilMs <= this.#nowMs()) return null;
    return 'facts' in known.lookUp ? known.lookUp.facts : null;
  }

  /** Never rejects. After `waitMs` the answer is to try again later; the look-up itself goes on. */
  async lookUp(principal: Principal, waitMs: number, turn: Turn): Promise<LookUp> {
    const run = this.#runOf(principal);
    if (run === null) return none(`tokens of ${principal.issuerName} name no Bitbucket pipeline`);
    const { ask } = this.#options;
    if (ask === null) return none("cqlgate has no token for Bitbucket's API (bitbucket.token)");
    const key = keyOf(run);
    const known = this.#known.get(key);
    if (known !== undefined && known.freshUntilMs > this.#nowMs()) return known.lookUp;
    let answer = this.#underWay.get(key);
    answer ??= this.#begin(key, run, ask, turn);
    return within(answer, waitMs);
  }

  /** null for tokens that do not belong to pipelines, in which claims of these names mean nothing. */
  #runOf(principal: Principal): PipelineRun | null {
    return this.#options.issuers.has(principal.issuerName) ? runOf(principal) : null;
  }

  #begin(key: string, run: PipelineRun, ask: AskPipeline, turn: Turn): Promise<LookUp> {
    const deadlineMs = later(this.#nowMs(), VCS.lookUpMs);
    const answer = this.#slots
      .run(turn, async () => this.#ask(run, ask, deadlineMs))
      .then(
        (lookUp) => this.#keep(key, lookUp),
        // A look-up that had to give way is not kept, so that the next one tries again.
        (error: unknown) => notLookedUp(error),
      )
      .finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, answer);
    return answer;
  }

  async #ask(run: PipelineRun, ask: AskPipeline, deadlineMs: MonotonicMs): Promise<LookUp> {
    for (;;) {
      const { leftMs } = this.#pause;
      if (later(this.#nowMs(), leftMs) >= deadlineMs) return unavailable(this.#pause.reason);
      if (leftMs > 0) await delay(leftMs, undefined, { ref: false });
      const startedAtMs = this.#nowMs();
      const answer = await ask(run);
      if (answer.type === 'failed') {
        this.#options.onFailed?.(answer.detail);
        this.#pause.failed(startedAtMs, answer.reason, answer.retryAfterMs);
        continue;
      }
      this.#pause.succeeded();
      if (answer.type === 'pipeline') return checked(answer.pipeline, run);
      return { problem: { kind: answer.kind, reason: answer.reason } };
    }
  }

  /** Keeps an answer and returns what is valid now: the one before, for a while, where Bitbucket gives none. */
  #keep(key: string, lookUp: LookUp): LookUp {
    const nowMs = this.#nowMs();
    const result = 'facts' in lookUp ? 'verified' : resultOf(lookUp.problem.kind);
    this.#options.onLookUp?.(result);
    const before = this.#known.get(key);
    const keepsBefore =
      result === 'unavailable' &&
      before !== undefined &&
      'facts' in before.lookUp &&
      msBetween(before.saidAtMs, nowMs) < VCS.staleMs;
    const known: Known = {
      lookUp: keepsBefore ? before.lookUp : lookUp,
      saidAtMs: keepsBefore ? before.saidAtMs : nowMs,
      freshUntilMs: later(nowMs, KEPT_MS[result]),
    };
    this.#known.delete(key);
    this.#known.set(key, known);
    if (this.#known.size > VCS.runsKept) {
      const oldest = this.#known.keys().next();
      if (oldest.done !== true) this.#known.delete(oldest.value);
    }
    return known.lookUp;
  }
}

const KEPT_MS: Readonly<Record<LookUpResult, number>> = {
  verified: VCS.recheckMs,
  unverified: VCS.unverifiedMs,
  unavailable: VCS.unavailableMs,
};

function resultOf(kind: 'unverified' | 'unavailable' | 'none'): LookUpResult {
  return kind === 'unverified' ? 'unverified' : 'unavailable';
}

/** Includes branch and commit: tokens of one run that differ in these are checked separately. */
function keyOf(run: PipelineRun): string {
  const { repositoryUuid, pipelineUuid, pipelineRunUuid, branchName, commit } = run;
  return compoundKey(repositoryUuid, pipelineUuid, pipelineRunUuid, branchName, commit);
}

async function within(answer: Promise<LookUp>, waitMs: number): Promise<LookUp> {
  const waited = new AbortController();
  try {
    const late = delay(waitMs, unavailable('Bitbucket takes long to answer'), {
      signal: waited.signal,
    });
    late.catch(() => undefined);
    return await Promise.race([answer, late]);
  } finally {
    waited.abort();
  }
}

function notLookedUp(error: unknown): LookUp {
  if (!(error instanceof QueueFault)) throw error;
  return unavailable(`too many look-ups at once: ${error.message}`);
}

function none(reason: string): LookUp {
  return { problem: { kind: 'none', reason } };
}

function unavailable(reason: string): LookUp {
  return { problem: { kind: 'unavailable', reason } };
}
