// The audit record: names are a contract (docs/AUDIT.md); one JSON object, one line.
import type { PrincipalRecord } from '../identity/principal.ts';
import type { DenialReason, TextRefusal } from '../refusals.ts';
import type { Cuts } from './bound.ts';
import type { Room, Share } from './room.ts';

export type RecordKind =
  | 'session_start'
  | 'session_end'
  | 'auth'
  | 'decision'
  | 'outcome'
  | 'activity'
  | 'config'
  | 'checkpoint'
  | 'seal';

export interface ClientRecord {
  readonly address: string;
  readonly driver: string | null;
  readonly driver_version: string | null;
  readonly protocol: number | null;
  /** Version and cipher, as `TLSv1.3 TLS_AES_256_GCM_SHA384`; null for plaintext. */
  readonly tls: string | null;
  /** Of the client's certificate, where one was shown. */
  readonly certificate_sha256?: string;
}

export interface VcsRecord {
  readonly commit: string | null;
  readonly source: 'token' | 'rest' | 'hint' | 'none';
  readonly verified: boolean;
  readonly url: string | null;
  readonly build_url: string | null;
  /** Whose push or click started the run, as Bitbucket names them; never from a hint. */
  readonly author: string | null;
  /** Number of the pull request that the run is for. */
  readonly pull_request: number | null;
  /** What else the client said, where its word is all there is. */
  readonly hint?: { readonly branch: string | null; readonly build_number: number | null };
}

export interface StatementRecord {
  readonly kind: string | null;
  readonly keyspace: string | null;
  readonly resources: readonly string[];
  /** What the policy was asked for, as `SELECT ON TABLE ks.t`; not of a text that was not understood. */
  readonly needs?: readonly string[];
  /** Redacted (redact.ts), at most 8 KiB; null where the text does not lex. */
  readonly text: string | null;
  readonly sha256: string | null;
  /** The same for texts that differ in values only. */
  readonly fingerprint: string | null;
  readonly prepared_id?: string;
  readonly consistency?: string;
  readonly lwt: boolean;
  readonly batch?: { readonly type: string; readonly index: number; readonly size: number };
  /** Only where the text does not lex. */
  readonly unlexed?: { readonly length: number; readonly position: number };
}

export interface DecisionRecord {
  readonly result: 'permit' | 'deny';
  readonly policy_version: string;
  readonly grant: string | null;
  readonly reason: DenialReason | TextRefusal | null;
  readonly missing: readonly string[];
}

export interface OutcomeRecord {
  readonly status: 'ok' | 'error' | 'timeout' | 'unknown';
  readonly error_code: string | null;
  readonly rows: number | null;
  readonly latency_us: number | null;
  readonly schema_change: {
    readonly change: string;
    readonly target: string;
    readonly keyspace: string;
    readonly name: string | null;
  } | null;
  readonly schema_version_before?: string | null;
  /** That all nodes reached had in the end; null where they differed. */
  readonly schema_version_after?: string | null;
  readonly schema_agreed?: boolean;
}

/** What callers hand to the ledger; v, seq, prev, time, id and hash are the ledger's to add. */
export interface AuditEntry {
  readonly kind: RecordKind;
  readonly session: string | null;
  readonly trace_id?: string;
  readonly span_id?: string;
  readonly principal?: PrincipalRecord | null;
  readonly role?: string | null;
  readonly binding?: string | null;
  readonly vcs?: VcsRecord;
  readonly client?: ClientRecord;
  readonly statement?: StatementRecord;
  readonly decision?: DecisionRecord;
  readonly upstream?: { readonly node: string | null; readonly cassandra_role: string };
  readonly outcome?: OutcomeRecord;
  /** Id of the decision record that an outcome belongs to. */
  readonly of?: string;
  /** For `activity` and counted denials: how many, since when. */
  readonly count?: number;
  readonly errors?: number;
  readonly since?: string;
  /** For `auth`, `session_end` and `config`: a short reason. */
  readonly reason?: string;
  readonly detail?: Readonly<Record<string, string | number | boolean | null>>;
  /** By field, as `statement.needs`: what does not stand here whole (bound.ts). */
  readonly cut?: Cuts;
}

/** What the data path needs of a ledger. */
export interface AuditLog {
  /** Who may put how much into its queue: to be asked before what is to be recorded is done or answered. */
  readonly room: Room;
  /**
   * Queues a record, of this share of the queue, and returns its id at once. Past a last bound the record is lost,
   * which is counted, logged and recorded as soon as that can be: then it returns null.
   */
  append(entry: AuditEntry, share?: Share): string | null;
  /** Like append, and resolves with the id once the record is on disk (fsync); rejects when it can't be. */
  appendDurably(entry: AuditEntry): Promise<string>;
  /** Whether all that was appended so far reached the disk in time. */
  durable(waitMs: number): Promise<boolean>;
  /** False while the disk refuses, or the queue is full. */
  readonly writable: boolean;
}
