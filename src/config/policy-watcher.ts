// Takes a changed policy file without a restart: only when it is whole and valid. ConfigMaps change
// by a symlink swap and editors write in place, so the content is polled and must be read the same
// twice; watching inodes would miss the one or take half of the other. The text that was read is the text
// that is checked and taken: the file is not opened again in between.
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
  /** The file can't be used as it is now; the policy before stays in force. Told once for each state. */
  readonly onProblem: (fault: ConfigFault, state: 'invalid' | 'unreadable') => void;
  /** The file is again what the policy in force was made of. */
  readonly onRestored: () => void;
  readonly pollMs?: number;
}

/** What stands in the file: its text, or why it can't be read. */
type Seen = { readonly content: string } | { readonly fault: ConfigFault };

export class PolicyWatcher {
  readonly #options: PolicyWatcherOptions;
  readonly #timer: NodeJS.Timeout;
  /** What the policy in force was made of. */
  #inForce: string;
  /** Keys of what was last acted on, and of what was read last. */
  #handled: string;
  #seen: string;
  #problem: string | null = null;
  #looking = false;

  /** `content` is what the policy in force was made of. */
  constructor(options: PolicyWatcherOptions, content: string) {
    this.#options = options;
    this.#inForce = content;
    this.#handled = keyOf({ content });
    this.#seen = this.#handled;
    const look = (): void => unattended('policy', this.#look());
    this.#timer = setInterval(guarded('policy', look), options.pollMs ?? FILES.policyPollMs);
  }

  /** What is wrong with the file at this moment, without a word of what stands in it; null: nothing. */
  get problem(): string | null {
    return this.#problem;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      const now = await this.#read();
      const key = keyOf(now);
      // Perhaps still being written, or between two names: believed when it is seen twice.
      const isSettled = key === this.#seen;
      this.#seen = key;
      if (!isSettled || key === this.#handled) return;
      this.#handled = key;
      this.#take(now);
    } catch (error) {
      this.#options.onProblem(faultOf(error, this.#options.file), 'invalid');
    } finally {
      this.#looking = false;
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
