// What clients may send and hold, what is done for them in a turn of the event loop, and how they are read
// and written to.

import { KIB, MIB } from './units.ts';

/** What is read of the protocol itself. */
export const PROTOCOL = {
  /**
   * Levels of a column's type. User-defined types within each other may be made to any depth, but Cassandra
   * writes them by recursion, and its threads' stacks end long before this.
   */
  typeDepth: 65_536,
} as const;

/** The gate towards its clients. */
export const SESSION = {
  /** Above this many bytes not yet taken by the client, its requests are no longer read. */
  outboxSoftBytes: 1 * MIB,
  /** Handed to a socket at once; what a client took is known in steps of this. */
  outboxWriteBytes: 256 * KIB,
  /** Answers of a turn up to this are put into v5 segments in it whatever others did; more waits for its turn. */
  outboxSegmentsBytes: 32 * KIB,
  /** With responses waiting and no byte taken for this long, the client is gone. */
  outboxStalledMs: 60_000,
  /** A session past its end is closed only after this, if no statement is refused with the reason. */
  lastStatementMs: 500,
  /** After an ERROR that ends the session, the client has this long to read it. */
  closeGraceMs: 2_000,
  /** Answers that lie before it are given out at the least speed (MEMORY), but for no longer: others wait for the end. */
  closeLongestMs: 30_000,
  /** Connections that wait in the kernel; 50 jobs often start in the same second. */
  acceptBacklog: 1024,
  /** Expiry, handshake time and stalled outboxes are looked at this often. */
  tickMs: 250,
} as const;

/**
 * Work done for clients in one turn of the event loop, in units of about a microsecond on a core of 2023. It is
 * counted, not timed: what a client may make the gate do at once must not hang on how busy the machine is.
 */
export const TURN = {
  /** For all sessions together: 6 ms. A request and its answer may each wait for a turn of that length. */
  work: 6_000,
  /** For one session, after which the others come first. */
  workPerSession: 2_000,
  /** A frame: decoding, decision, forwarding and the way back of its answer. */
  frame: 4,
  /** A v5 segment: its checksums, whether it holds a frame or not. */
  segment: 0.5,
  /** OPTIONS: its answer is put together. */
  options: 6,
  /** Bytes that are copied, checked or hashed for a unit. */
  bytesPerUnit: 500,
  /** Characters of a text that are analysed for a unit. */
  charactersPerUnit: 20,
  /** A text that is analysed, however short: its tokens, its needs, its place in the cache. */
  text: 10,
  /** A refusal: its record, hash and answer. */
  refusal: 60,
  /** An id that is not known: its answer, which repeats the id in text. */
  unprepared: 10,
  /** A login: token, policy and record. */
  login: 100,
  /** A child of a BATCH: decoding, look-up and count. */
  child: 1,
  /** Of these, a text that is not the one before: it is decoded and looked up. */
  childText: 2,
  /** Children of a BATCH that are read, or counted, in one go. */
  childrenAtOnce: 1_024,
  /** A child of a BATCH that is counted: as one of a statement that came before, or by the shape of its text. */
  count: 0.2,
  shape: 5,
  /** A record that is described, or written. */
  record: 20,
  /** A PREPARED answer: what it says is copied, and charged by its structure. */
  prepared: 20,
  /** An answer that the gate makes of system tables: its rows, apart from what the statement names. */
  ownAnswer: 50,
  /** Terms of its conditions, or bound values, that are read and compared for a unit. */
  termsPerUnit: 4,
} as const;

/** What clients can make the gate hold (src/memory). */
export const MEMORY = {
  /** Of V8's own bound of the heap, that which clients may fill; the rest is the gate's, and garbage. */
  heapShare: 1 / 2,
  /** Of the memory that the heap leaves, that which Buffers may take. */
  restShare: 3 / 4,
  bufferBytesAtLeast: 64 * MIB,
  /** From this share of a budget on, the clients above their own share are not read. */
  softShare: 3 / 4,
  /** Of the Buffers, for all connections before their login together. */
  unauthenticatedShare: 1 / 8,
  /** Of the Buffers, for answers of nodes that are not whole yet. */
  answersShare: 1 / 4,
  /** An answer up to this is always taken: a page of rows is far smaller. */
  answerBytesAlways: 1 * MIB,
  /** An exchange, its request and what belongs to them on the heap. */
  exchangeBytes: 2 * KIB,
  /** While room is short it is looked at no more often. */
  lookEveryMs: 20,
  /** Over its limit, a store is looked at again as soon as it grew by this share of the limit. */
  urgentShare: 1 / 32,
  /** Nothing was given back for this long though the largest are not read: one of them goes. */
  stuckMs: 5_000,
  /** What a frame must come at, and what unread answers must be taken at, on average. */
  leastBytesPerSecond: 16 * KIB,
  /** A frame may stand still for this long, and so may answers above a session's share. */
  rateGraceMs: 10_000,
  /** Answers below it, and whoever was faster before, may for this long. */
  rateCapMs: 60_000,
  /** Of a principal beside its claims; of a statement its hash, its fingerprint, a Permit and what it was answered with. */
  keptBytes: 512,
} as const;

/** Bytes that were read and wait for the rest of their frame. */
export const READS = {
  /** Smaller reads are copied together; an object and a buffer for each would cost more than the copy. */
  gatheredBelowBytes: 512,
  /** Of the first block that they are copied into; each next one is twice as large. */
  blockMinBytes: 1 * KIB,
  blockMaxBytes: 64 * KIB,
  /** Larger frames are joined while they come, so much of them at once: 16 MiB take 5 to 20 ms to copy. */
  joinedFromBytes: 512 * KIB,
  joinedAtOnceBytes: 256 * KIB,
} as const;

/** Lists in messages whose counts the protocol bounds at 65,535 only: an honest client sends a few entries. */
export const MESSAGES = {
  /** Names in a REGISTER: there are three event types, and drivers send each once. */
  registerNames: 64,
  /** Options in a STARTUP: drivers send up to about ten, a sidecar adds four. */
  startupOptions: 128,
  /** Pairs in an OAUTHBEARER message: RFC 7628 names three. */
  bearerPairs: 16,
} as const;

export const COMPRESSION = {
  /** Smaller bodies are left alone: the work costs more than the bytes. */
  minBytes: 1 * KIB,
  /**
   * Bodies of requests above this are decompressed on a thread: 1 MiB takes Snappy up to 17 ms, and LZ4 up to 2,
   * most of them for fresh memory.
   */
  snappyInlineBytes: 256 * KIB,
  lz4InlineBytes: 1 * MIB,
  /** At once, and of one role: they share one thread. */
  threads: 2,
  threadsPerRole: 1,
  /** Sessions that wait for one; each waits with one request. */
  waiting: 1024,
  /** Drivers give up a request after 10 to 12 s. */
  waitMs: 10_000,
  /** Bytes that are decompressed for a unit of work (TURN), by implementation. */
  bytesPerUnit: { snappy: 60, lz4: 4_000, javascript: 75 },
  /** The largest request of a client that compresses by LZ4 while that is JavaScript here: it takes 27 ms. */
  javascriptFrameBytes: 2 * MIB,
  /**
   * Larger bodies leave uncompressed, which each frame and segment may: LZ4 in JavaScript takes 12 ms for this
   * much, Snappy 7 ms, and nothing else is served meanwhile.
   */
  maxBytes: 1 * MIB,
  /** Bytes of answers that are compressed for a unit of work (TURN), by LZ4 in JavaScript. */
  compressedPerUnit: 85,
} as const;

/** Load balancers that tell by the PROXY protocol whose connections they pass on. */
export const PROXY = {
  /** 52 for the longest addresses, the rest for TLVs; what the protocol's authors reckon with. */
  headerBytes: 536,
  /** A balancer sends it with the first packet. `limits.handshakeTimeoutMs` goes before where it is shorter. */
  headerTimeoutMs: 5_000,
  /** The shortest time between two warnings of headers that were not valid; those in between are counted. */
  warnIntervalMs: 60_000,
} as const;
