// Takes a changed policy file without a restart: only when it is whole and valid. ConfigMaps change
// by a symlink swap and editors write in place, so the content is polled and must be read the same
// twice; watching inodes would miss the one or take half of the other.
import { readFile } from 'node:fs/promises';
import { FILES } from '../limits.ts';
import { ConfigFault } from '../errors.ts';
import { loadPolicy, type LoadedPolicy, type PolicyContext } from './load-policy.ts';

export interface PolicyWatcherOptions {
  readonly file: string;
  readonly context: PolicyContext;
  readonly onPolicy: (loaded: LoadedPolicy) => void;
  /** The file changed and can't be used; the policy before stays in force. */
  readonly onProblem: (fault: ConfigFault) => void;
  readonly pollMs?: number;
}

export class PolicyWatcher {
  readonly #options: PolicyWatcherOptions;
  readonly #timer: NodeJS.Timeout;
  #taken: string;
  #seen: string | null = null;
  #looking = false;

  /** `content` is what the policy in force was read from. */
  constructor(options: PolicyWatcherOptions, content: string) {
    this.#options = options;
    this.#taken = content;
    this.#timer = setInterval(() => void this.#look(), options.pollMs ?? FILES.policyPollMs);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      const content = await readFile(this.#options.file, 'utf8').catch(() => null);
      if (content === null || content === this.#taken) {
        this.#seen = null;
        return;
      }
      if (content !== this.#seen) {
        // Perhaps still being written: looked at once more before it is believed.
        this.#seen = content;
        return;
      }
      this.#taken = content;
      this.#seen = null;
      this.#options.onPolicy(await loadPolicy(this.#options.file, this.#options.context));
    } catch (error) {
      const fault =
        error instanceof ConfigFault
          ? error
          : new ConfigFault([`${this.#options.file}: ${String(error)}`]);
      this.#options.onProblem(fault);
    } finally {
      this.#looking = false;
    }
  }
}
