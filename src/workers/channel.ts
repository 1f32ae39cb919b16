// Questions and answers between the primary process and a worker, over the IPC channel of Node's child processes.
// Both ends may ask.
import { unattended, guarded } from '../guard.ts';

/** The handlers of one end, by the name of the question. They may return promises. */
export type Handlers = Readonly<Record<string, (value: never) => unknown>>;

/** The worker's process in the primary, and `process` itself in a worker. */
export interface Port {
  send(message: object, failed: (error: Error | null) => void): unknown;
  on(event: 'message', listener: (message: unknown) => void): unknown;
}

type Message =
  | { readonly ask: number; readonly what: string; readonly value: unknown }
  | { readonly answers: number; readonly value: unknown }
  | { readonly fails: number; readonly problem: string };

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

export class Channel<Theirs extends Handlers> {
  readonly #port: Port;
  readonly #ours: Handlers;
  readonly #waiting = new Map<number, Waiting>();
  #asked = 0;

  constructor(port: Port, ours: Handlers) {
    this.#port = port;
    this.#ours = ours;
    const take = (message: unknown): void => unattended('workers', this.#take(message as Message));
    port.on('message', guarded('workers', take));
  }

  /** Rejects with the error of the other end's handler, or when that end has closed. */
  async ask<What extends keyof Theirs & string>(
    what: What,
    value: Parameters<Theirs[What]>[0],
  ): Promise<Awaited<ReturnType<Theirs[What]>>> {
    return new Promise<Awaited<ReturnType<Theirs[What]>>>((resolve, reject) => {
      const ask = ++this.#asked;
      this.#waiting.set(ask, { resolve, reject });
      this.#send({ ask, what, value });
    });
  }

  /** As `ask`, without waiting for the answer. It does not matter whether the other end has closed. */
  tell<What extends keyof Theirs & string>(what: What, value: Parameters<Theirs[What]>[0]): void {
    this.ask(what, value).catch(() => undefined);
  }

  /** To be called when the other end has closed: rejects all questions that are not answered yet. */
  close(): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting) reject(new Error('the other process has ended'));
  }

  async #take(message: Message): Promise<void> {
    if ('ask' in message) {
      this.#send(await this.#answer(message.ask, message.what, message.value));
      return;
    }
    const id = 'answers' in message ? message.answers : message.fails;
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if ('answers' in message) waiting?.resolve(message.value as never);
    else waiting?.reject(new Error(message.problem));
  }

  async #answer(id: number, what: string, value: unknown): Promise<Message> {
    try {
      const handler = this.#ours[what];
      if (handler === undefined) throw new Error(`nothing answers to ${what}`);
      return { answers: id, value: await handler(value as never) };
    } catch (error) {
      return { fails: id, problem: error instanceof Error ? error.message : String(error) };
    }
  }

  #send(message: Message): void {
    const sent = (error: Error | null): void => {
      if (error === null || !('ask' in message)) return;
      this.#waiting.get(message.ask)?.reject(error);
      this.#waiting.delete(message.ask);
    };
    this.#port.send(message, guarded('workers', sent));
  }
}
