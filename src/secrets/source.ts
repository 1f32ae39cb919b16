// The login of one Cassandra role. It is read at start, and again when it is due or was refused; while that fails,
// the login before is kept. Its users get a new object when the secret has changed.
import { LONG_AGO, monotonicMs, msBetween, type WallMs } from '../clock.ts';
import { guarded, unattended } from '../guard.ts';
import { SECRETS } from '../limits/services.ts';
import { retryInMs } from './due.ts';
import { SecretFault } from './fault.ts';
import type { Login, LoginSource } from './upstream-login.ts';
import type { Reader, Reading } from './reader.ts';

export interface SecretListener {
  /** Reading failed, and the present login stays in use. Called once while the reason stays the same. */
  failed(cassandraRole: string, fault: SecretFault): void;
  changed(cassandraRole: string): void;
}

export class SecretSource implements LoginSource {
  readonly #name: string;
  readonly #reader: Reader;
  readonly #listener: SecretListener;
  #login: Login | null = null;
  #sinceMs: WallMs | null = null;
  #reading: Promise<Login> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #failures = 0;
  #problem: string | null = null;
  #refreshedAtMs = LONG_AGO;
  #closed = false;

  constructor(name: string, reader: Reader, listener: SecretListener) {
    this.#name = name;
    this.#reader = reader;
    this.#listener = listener;
  }

  /** The first reading. Rejects with SecretFault. */
  async start(): Promise<void> {
    await this.#read('due');
  }

  current(): Login {
    if (this.#login === null) throw new SecretFault(`the login of ${this.#name} was not read yet`);
    return this.#login;
  }

  async refresh(): Promise<Login> {
    await this.#reading?.catch(() => undefined);
    const nowMs = monotonicMs();
    if (msBetween(this.#refreshedAtMs, nowMs) < SECRETS.refreshCoolDownMs) return this.current();
    this.#refreshedAtMs = nowMs;
    return this.#read('refused');
  }

  /** Milliseconds since the secret was made or last changed; null if it has no age, or was not read yet. */
  ageMs(nowMs: WallMs): number | null {
    return this.#sinceMs === null ? null : msBetween(this.#sinceMs, nowMs);
  }

  /** Why the last reading failed; null if it did not. */
  get problem(): string | null {
    return this.#problem;
  }

  get usernames(): readonly string[] {
    return this.#reader.usernames();
  }

  /** Revokes its leases in Vault. Never rejects. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#reading?.catch(() => undefined);
    await this.#reader.close?.();
  }

  async #read(why: 'due' | 'refused'): Promise<Login> {
    this.#reading ??= this.#readNow(why).finally(() => {
      this.#reading = null;
    });
    return this.#reading;
  }

  async #readNow(why: 'due' | 'refused'): Promise<Login> {
    try {
      const reading = await this.#reader.read(why);
      this.#failures = 0;
      this.#problem = null;
      const login = this.#taken(reading);
      if (reading.againInMs !== null) this.#readIn(reading.againInMs);
      return login;
    } catch (error) {
      const fault = error instanceof SecretFault ? error : new SecretFault(String(error));
      this.#failures++;
      if (this.#problem !== fault.message) this.#listener.failed(this.#name, fault);
      this.#problem = fault.message;
      // At start there is no login yet, and the caller decides how often to try.
      if (this.#login !== null) this.#readIn(retryInMs(this.#failures));
      throw fault;
    }
  }

  #taken({ username, password, certificate, sinceMs, lease }: Reading): Login {
    const before = this.#login;
    this.#sinceMs = sinceMs;
    const isSame =
      before !== null &&
      !before.open &&
      before.username === username &&
      before.password === password &&
      before.certificate?.cert === certificate?.cert &&
      before.certificate?.key === certificate?.key &&
      (before.lease ?? null) === lease;
    if (isSame) return before;
    this.#login = {
      name: this.#name,
      open: false,
      username,
      password,
      ...(certificate === undefined ? {} : { certificate }),
      ...(lease === null ? {} : { lease }),
    };
    this.#listener.changed(this.#name);
    return this.#login;
  }

  #readIn(waitMs: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#closed) return;
    // A failure goes to the listener, and is tried again.
    const read = (): void =>
      unattended(
        'secrets',
        this.#read('due').catch(() => undefined),
      );
    this.#timer = setTimeout(guarded('secrets', read), waitMs);
  }
}
