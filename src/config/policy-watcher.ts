// Puts a changed policy file in force without a restart, but only if it is complete and valid. ConfigMaps change by a
// symlink swap and editors write in place, so the content is polled and must be read twice the same: watching
// inodes would miss the former, or read half of the latter. The text that was read is the one that is checked and
// used, and the file is not opened again in between.
import { guarded, unattended } from '../guard.ts';
import { FILES } from '../limits/process.ts';
import { ConfigFault } from '../errors.ts';
import { readAgain } from '../file-again.ts';
import { policyOf, type LoadedPolicy, type PolicyContext } from './load-policy.ts';
import { readText } from './yaml-file.ts';

export interface PolicyWatcherOptions {
  readonly file: string;
  readonly context: PolicyContext;
  readonly onPolicy: (loaded: LoadedPolicy) => void;
  /** The file cannot be used as it is now, and the policy before stays in force. Called once for each state. */
  readonly onProblem: (fault: ConfigFault, state: 'invalid' | 'unreadable') => void;
  /** The file is the one of the policy in force again. */
  readonly onRestored: () => void;
  readonly pollMs?: number;
}

/** The text of the file, or why it cannot be read. */
type Seen = { readonly content: string } | { readonly fault: ConfigFault };

export class PolicyWatcher {
  readonly #options: PolicyWatcherOptions;
  readonly #timer: NodeJS.Timeout;
  /** The text of the policy in force. */
  #inForce: string;
  /** Keys of the state that was handled last, and of the one that was read last. */
  #handled: string;
  #seen: string;
  #problem: string | null = null;
  #isChecking = false;

  /** `content` is the text of the policy in force. */
  constructor(options: PolicyWatcherOptions, content: string) {
    this.#options = options;
    this.#inForce = content;
    this.#handled = keyOf({ content });
    this.#seen = this.#handled;
    const check = (): void => unattended('policy', this.#check());
    this.#timer = setInterval(guarded('policy', check), options.pollMs ?? FILES.policyPollMs);
  }

  /** What is wrong with the file at this moment, without any of its text; null where nothing is wrong. */
  get problem(): string | null {
    return this.#problem;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #check(): Promise<void> {
    if (this.#isChecking) return;
    this.#isChecking = true;
    try {
      const now = await this.#read();
      const key = keyOf(now);
      // The file may still be being written or renamed, so a state counts once it is seen twice.
      const isSettled = key === this.#seen;
      this.#seen = key;
      if (!isSettled || key === this.#handled) return;
      this.#handled = key;
      this.#take(now);
    } catch (error) {
      this.#options.onProblem(faultOf(error, this.#options.file), 'invalid');
    } finally {
      this.#isChecking = false;
    }
  }

  async #read(): Promise<Seen> {
    try {
      return await readText(this.#options.file, async (file) => readAgain(file, FILES.configBytes));
    } catch (error) {
      return { fault: faultOf(error, this.#options.file) };
    }
  }

  #take(now: Seen): void {
    const { file, context, onPolicy, onProblem, onRestored } = this.#options;
    if ('fault' in now) {
      this.#problem =
        'the policy file cannot be read, or is gone; the policy that was read before stays in force';
      onProblem(now.fault, 'unreadable');
      return;
    }
    if (now.content === this.#inForce) {
      this.#problem = null;
      onRestored();
      return;
    }
    let loaded: LoadedPolicy;
    try {
      loaded = policyOf({ file, content: now.content }, context);
    } catch (error) {
      this.#problem =
        'the policy file is not valid; the policy that was read before stays in force';
      onProblem(faultOf(error, file), 'invalid');
      return;
    }
    this.#problem = null;
    this.#inForce = now.content;
    onPolicy(loaded);
  }
}

function keyOf(seen: Seen): string {
  return 'fault' in seen ? `fault ${seen.fault.message}` : `text ${seen.content}`;
}

function faultOf(error: unknown, file: string): ConfigFault {
  return error instanceof ConfigFault ? error : new ConfigFault([`${file}: ${String(error)}`]);
}
