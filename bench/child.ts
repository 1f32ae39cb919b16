// Child processes of a run: started, waited for by a line that they print, and ended by their own
// handle, also when the run fails.
import { spawn, type ChildProcess } from 'node:child_process';

/** A real node behind the responder needs a schema first; nothing else takes this long. */
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;
const POLL_MS = 50;
/** Of what a child printed, the end is kept for the error message. */
const KEPT_CHARACTERS = 4_000;

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export interface Started<Ready> {
  readonly pid: number;
  readonly ready: Ready;
  /** The last lines it printed. */
  output(): string;
  stop(): Promise<void>;
}

export interface ChildOptions<Ready> {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Looks at each line of stdout; anything but null means that the child is ready. */
  readonly readyLine?: (line: string) => Ready | null;
  /** For children that say nothing: asked until it resolves with anything but null. */
  readonly readyPoll?: () => Promise<Ready | null>;
}

export async function startChild<Ready>(options: ChildOptions<Ready>): Promise<Started<Ready>> {
  const { name, command, args } = options;
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: options.env ?? process.env,
  });
  running.add(child);
  let kept = '';
  const keep = (text: string): void => {
    kept = (kept + text).slice(-KEPT_CHARACTERS);
  };
  child.stderr.setEncoding('utf8').on('data', keep);
  const ended = new Promise<void>((resolve) => {
    // `error` instead of `exit` where the command could not be started at all.
    for (const event of ['exit', 'error']) {
      child.once(event, () => {
        running.delete(child);
        resolve();
      });
    }
  });
  const ready = await new Promise<Ready>((resolve, reject) => {
    const fail = (why: string): void => {
      child.kill('SIGKILL');
      reject(new Error(`${name} ${why}\n${kept}`.trimEnd()));
    };
    const timer = setTimeout(
      () => fail(`was not ready in ${START_TIMEOUT_MS} ms`),
      START_TIMEOUT_MS,
    );
    let line = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      keep(text);
      const lines = (line + text).split('\n');
      line = lines.pop() ?? '';
      for (const one of lines) {
        becomeReady(options.readyLine?.(one) ?? null);
      }
    });
    const poll = setInterval(() => {
      void options.readyPoll?.().then(becomeReady);
    }, POLL_MS);
    const becomeReady = (found: Ready | null): void => {
      if (found === null) return;
      clearTimeout(timer);
      clearInterval(poll);
      resolve(found);
    };
    child.once('error', (error) => keep(error.message));
    void ended.then(() => {
      clearTimeout(timer);
      clearInterval(poll);
      fail('ended before it was ready');
    });
  });
  return {
    pid: child.pid!,
    ready,
    output: () => kept,
    stop: async () => {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      await ended;
      clearTimeout(timer);
    },
  };
}
