// Every bound of the gate: name, unit, reason. Those an operator may set are in LIMITS, overridden
// by `limits:` in the configuration; the rest are constants of the design.

const KIB = 1024;
const MIB = 1024 * KIB;

/** What is read of the protocol itself. */
export const PROTOCOL = {
  /**
   * Levels of a column's type. User-defined types within each other may be made to any depth, but Cassandra
   * writes them by recursion, and its threads' stacks end long before this.
   */
  typeDepth: 65_536,
} as const;

/** Times and durations that come from outside (src/wall-clock.ts). */
export const CLOCK = {
  /** 1970 and 9999: what every reader of a four-digit year understands. Milliseconds since the epoch. */
  earliestMs: 0,
  latestMs: 253_402_300_799_999,
  /** Ten years: longer than any token, lease or session lives. */
  longestDurationMs: 3_650 * 86_400_000,
  /** Node fires a timer at once that is to wait for longer than this, 24 days. */
  longestTimerMs: 2 ** 31 - 1,
} as const;

/** The gate towards the cluster. */
export const UPSTREAM = {
  /** Requests in flight per connection. Cassandra takes 32,768; more than this is a queue there. */
  streamsPerConnection: 4096,
  /** Of those, kept for sessions of roles that have little in flight: a flood of others finds no room in them. */
  streamsKeptFree: 1024,
  /** More than this in flight is much: of a session, and of a role's sessions together. */
  muchPerSession: 256,
  muchPerRole: 2048,
  /** The same in bytes: of a session's requests, and of the answers that its role expects. 5 to 10 ms of a network. */
  muchBytes: 4 * MIB,
  /** How large answers to a role are taken to be before any came. */
  unknownAnswerBytes: 8 * KIB,
  /**
   * Answers that a role may wait for, by what they are expected to be: beyond it its sessions with anything in flight
   * are not read. More at once makes nothing faster, and holds the node up for everybody.
   */
  expectedBytesPerRole: 32 * MIB,
  /** A request above this is much by itself. */
  largeRequestBytes: 128 * KIB,
  /** A node that leaves this many requests unanswered past their deadline is not answering at all. */
  quarantinedStreams: 256,
  /** Responses are not limited by Cassandra; Java's driver stops at 256 MiB. */
  responseFrameBytes: 256 * MIB,
  /** Larger rows are passed on as the reads that they came in; for smaller ones joining them costs less. */
  partsFromBytes: 32 * KIB,
  /** TCP connect and login (82 ms of bcrypt when the node is idle, seconds when 50 log in). */
  connectTimeoutMs: 10_000,
  /** At start the gate waits at most this long for a first connection of each login. */
  warmUpMs: 2_000,
  warmUpPollMs: 5,
  /** Who waits while no node is reached at all is answered after this; else the time for the request counts. */
  acquireTimeoutMs: 5_000,
  /** Requests of one Cassandra role and protocol version that may wait for a connection. */
  waitersPerRoute: 4096,
  /** System tables read for clients at once, over the one connection that the gate itself asks by. */
  systemReads: 64,
  /** Of those, at most so many of one role. */
  systemReadsPerRole: 48,
  /** Further ones wait in a line that is fair by role. */
  systemReadsWaiting: 4096,
  /** Nodes whose least busy connection is compared for a request that has no replica. */
  poolsCompared: 8,
  /** One pool grows to this when sessions need more keyspaces at once than it has connections. */
  connectionsPerPoolMax: 16,
  /** A connection beyond the configured number is opened for who waited this long: a USE takes 1 ms, a login 83. */
  growAfterMs: 100,
  /** Logins that the gate asks one node for in a second, and at once: each costs it 82 ms of a core. */
  loginsPerSecond: 16,
  loginsAtOnce: 48,
  /** Connections beyond the configured number are closed after this long without work. */
  extraConnectionIdleMs: 60_000,
  useTimeoutMs: 10_000,
  controlTimeoutMs: 12_000,
  /** A contact point that doesn't let the gate in within this is passed over for the next. */
  controlConnectTimeoutMs: 5_000,
  /** Events come in bursts: the nodes are read anew once none came for this long. */
  topologyDebounceMs: 500,
  /** And now and then: an event may be missed. */
  topologyRefreshMs: 60_000,
  /** Firewalls and load balancers drop silent connections, mostly after minutes; nodes hang unseen. */
  heartbeatIdleMs: 10_000,
  /** With something in flight and nothing heard for this long, other nodes are preferred. */
  suspectAfterMs: 750,
  /** And after this long the node is asked for a sign of life: answers that take long are no fault. */
  probeAfterMs: 1_500,
  /** Long pauses of a JVM end within this; then the connection is given up, 5 s after the last word. */
  probeTimeoutMs: 3_500,
  reconnectMinMs: 100,
  /** A node that came back has load again before this and a login are over. */
  reconnectMaxMs: 5_000,
  /** While a table has masks: whether the gate's logins see through them is asked this often. */
  rightsRefreshMs: 60_000,
  /** A new login that the cluster refuses is tried again, while the one before serves. */
  rotationRetryMinMs: 250,
  rotationRetryMaxMs: 5_000,
  /** A pool that was replaced closes when idle; past every deadline only a silent node is waited for. */
  retiredPoolMs: 180_000,
  /** Deadlines, heartbeats and waiters are looked at this often. */
  tickMs: 250,
} as const;

/** Schema changes: one at a time for a keyspace, between the gates of a fleet by a lock. */
export const LANE = {
  /** The lock serves further changes for this long before other gates get their turn. */
  turnMs: 3_000,
  /** That turn: longer than another gate waits between two attempts. */
  yieldMs: 600,
  /** A gate that dies holds the others up no longer. */
  lockTtlSeconds: 30,
  renewMs: 5_000,
  /** It counts as lost this long before the cluster lets it go. */
  marginMs: 5_000,
  pollMinMs: 50,
  pollMaxMs: 400,
  /** While there is no table of locks. */
  absentPollMs: 30_000,
  /** At the end of the gate its locks are given back within this, or end by themselves. */
  closeMs: 2_000,
} as const;

/** Waiting until all nodes have the same schema. */
export const AGREEMENT = {
  /** Nodes tell each other within milliseconds. */
  pauseMinMs: 5,
  pauseMaxMs: 500,
  /** One that does not answer within this is asked again; one that hangs is given up in 5 s (see UPSTREAM). */
  askTimeoutMs: 2_000,
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
  /** Nothing was given back for this long though the largest are not read: one of them goes. */
  stuckMs: 5_000,
  /** What a frame must come at, and what unread answers must be taken at, on average. */
  leastBytesPerSecond: 16 * KIB,
  /** A frame may stand still for this long, and so may answers above a session's share. */
  rateGraceMs: 10_000,
  /** Answers below it, and whoever was faster before, may for this long. */
  rateCapMs: 60_000,
  /** Of a principal beside its claims; of a statement its hash, its fingerprint and a Permit. */
  keptBytes: 256,
} as const;

/** Load balancers that tell by the PROXY protocol whose connections they pass on. */
export const PROXY = {
  /** 52 for the longest addresses, the rest for TLVs; what the protocol's authors reckon with. */
  headerBytes: 536,
  /** A balancer sends it with the first packet. `limits.handshakeTimeoutMs` goes before where it is shorter. */
  headerTimeoutMs: 5_000,
  /** Headers that were not taken are told no more often; those in between are counted. */
  warnIntervalMs: 60_000,
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

export const METRICS = {
  /**
   * Combinations of labels kept apart for one metric. Rules times statement kinds make 217; drivers
   * name themselves, so they need a bound.
   */
  seriesPerMetric: 256,
} as const;

/** The collector of OpenTelemetry, where `OTEL_*` names one: nothing waits for it. */
export const TELEMETRY = {
  /** At the end what waits is sent within this, or is lost; where there are workers, once by each of them and once by their primary. */
  closeMs: 700,
  /** Exports that failed are told no more often; those in between are counted. */
  warnIntervalMs: 60_000,
  /** Of the reason that is told, in characters. */
  reasonLength: 256,
} as const;

/** The end of a process whose work is done. */
export const EXIT = {
  /** What still holds it then, such as a request to a collector that does not answer, holds it no longer. */
  graceMs: 250,
} as const;

/** The audit ledger. */
export const LEDGER = {
  /** A file is sealed and the next begun at about this size. */
  rotateBytes: 64 * MIB,
  /** Records waiting for the disk; beyond it mutations are refused until it answers again. */
  queueBytes: 32 * MIB,
  /** Past so many times that, records are lost (and counted, and the chain says so). */
  heldFactor: 2,
  /** Requests of one role that may wait for room. */
  waitersPerShare: 1024,
  /** What its place in the chain adds to a record. */
  linkBytes: 320,
  /** Room that is kept for a record of a statement, besides what its text takes. */
  entryBytes: 4 * KIB,
  /** A record as a whole; what clients can make longer is cut, with a count and a hash. */
  recordBytes: 64 * KIB,
  /** Of a statement's text, at most this is recorded. */
  textBytes: 8 * KIB,
  /** A literal or name of a text that is longer than that is cut to a quarter of this, its length and hash. */
  wordLength: 256,
  /** Children of a BATCH that get records of their own under `dml: all`; one record stands for the rest. */
  batchRecords: 64,
  /** Of another text of a record: names, claims, grants. */
  valueBytes: 1 * KIB,
  /** Of a list of a record: resources, needs, what was missing. */
  listBytes: 8 * KIB,
  /** A line longer than this is read as no record: older gates wrote some of 10 MB. */
  lineBytes: 64 * MIB,
  /** The first line of a file, which is of the gate's own making. */
  headerBytes: 4 * KIB,
  /** Of the ledger's end, read at start for the logins of before where a role has a grace: seconds. */
  pastLoginBytes: 1024 * MIB,
  /** Records that nobody waits for reach the disk within this. */
  groupMs: 50,
  /** Written and synced at once, about: joining the whole queue takes 40 ms. */
  groupBytes: 4 * MIB,
  /** After a disk error. */
  retryMs: 500,
  /** Processes that contend for a directory settle it within this, asking each other so often. */
  lockWaitMs: 10_000,
  lockPollMs: 10,
  /** To appear among them: the folder of sockets is made and removed with its use. */
  lockAttempts: 20,
  /** A process that does not say within this what it is counts as the holder of the lock. */
  lockAnswerMs: 2_000,
  /** A socket that a crash left before it was in use: it takes microseconds to get there. */
  lockSweepMs: 60_000,
} as const;

export const ACTIVITY = {
  /** One record per session, statement and interval. */
  intervalMs: 60_000,
  /** Shapes of statements counted per session and interval; others are counted together. */
  shapesPerSession: 1024,
  /** Of the records of one session and interval; others are counted together. */
  bytesPerSession: 512 * KIB,
  /** Statements of a session whose shape is not worked out again. */
  statementsPerSession: 1024,
  /** Counts of sessions that ended, for which there was no room, that are written in one go. */
  writtenAtOnce: 256,
} as const;

export const REFUSALS = {
  intervalMs: 60_000,
  /** Refusals of one principal in a role, or one source, that get a record of their own in an interval. */
  singlyPerScope: 50,
  /** The same of all in a role, or of all sources, and bytes of these records. */
  singlyPerGroup: 500,
  bytesPerGroup: 1 * MIB,
  /** Principals of a role, and sources, that are counted apart. */
  scopes: 1_000,
  /** Past all bounds not even the first of a scope gets its own: sources cost nothing. */
  namesEach: false,
  /** Room that one needs to be recorded singly. */
  recordBytes: 8 * KIB,
} as const;

/** Beginnings of sessions, in the interval of refusals; their ends follow them. */
export const SESSION_RECORDS = {
  /** Of one principal in a role that get a record of their own: jobs open tens of connections at once. */
  singlyPerScope: 200,
  /** The same of all in a role, and bytes of these records: 8 MiB a minute with the ends. */
  singlyPerGroup: 5_000,
  bytesPerGroup: 4 * MIB,
  /** Principals of a role that are counted apart; others have a record for each session. */
  scopes: 5_000,
  /** A principal has a signed token, so there are no more than their issuer made: each is named. */
  namesEach: true,
} as const;

/** What drivers are told of this gate and its siblings. */
export const ADVERTISE = {
  /** Names under `advertise` are looked up again: a sibling that starts later, or moved, is told soon. */
  resolveMs: 10_000,
} as const;

/** The analyser. */
export const CQL = {
  /** Productions within productions: types, terms, selectors. Deeper is refused. */
  nestingDepth: 200,
  /** Scale of a decimal that a text writes as a blob: what a double holds. */
  decimalScale: 324,
  /** Columns of one statement kept by name, for masks; beyond it all columns are taken as meant. */
  columnsKept: 256,
  /** Different functions, types, or children of a BATCH: each is decided on for every request. */
  namesPerText: 1024,
  /** Java classes that are not Cassandra's own: a role lists them one by one. */
  classesPerText: 64,
  /**
   * Types in strings: a node keeps the text of each for good. Cassandra writes a user type of fifty fields in
   * so many characters; its parser nests some ten frames of a small stack for each level.
   */
  javaTypeLength: 8_192,
  javaTypeDepth: 32,
  /** What the different ones of a role may have together, in characters and for each: 10 to 20 MiB of a node. */
  javaTypesPerRole: 1 * MIB,
  javaTypeOverhead: 64,
  /** Columns, and terms compared with, of a SELECT that the gate answers itself; what asks more is not answered. */
  selectionParts: 1024,
  /** Longer texts are not kept, and analysed in a thread of their own. */
  cachedTextLength: 16 * KIB,
  /** What one text may take of the cache, with all that was found in it. */
  cachedStatementBytes: 256 * KIB,
  /** Hashes of texts that came once: 256 KiB. A text is kept when it comes again before so many others. */
  textsSeen: 65_536,
  /** Heap of that thread: the tokens of the longest text take a tenth of it. */
  workerHeapMib: 256,
  /** How far that thread steps back (`nice`) where there are fewer processors than work for them. */
  workerNiceness: 5,
  /** Requests with long texts that wait for that thread; sessions wait for one each. */
  analysesWaiting: 1024,
  /** Drivers give up a request after 10 to 12 s. */
  analysisWaitMs: 10_000,
  /** The texts of one request take 2 s at the most; so one that hangs delays others by less than they wait. */
  analysisMs: 4_000,
} as const;

/**
 * What a text may cost the node that parses it, in microseconds of its warm parser: 20 ms and 1 ms for each
 * KiB at most. Half of that is allowed here, for what is not estimated (reading the text once, up to 0.3 ms
 * for a KiB) and for slower machines. The rest is fitted to Cassandra 5.0.9: test/support/measure-parser.ts.
 */
export const PARSING = {
  freeUs: 10_000,
  usPerKib: 500,
  /** One token read again: each level of a selection is read twice, and all within it. */
  tokenUs: 0.07,
  /** For each square of a number's digits. */
  digitUs: 0.000_04,
  /** The same where the text takes a logarithm or a power of e. */
  logarithmDigitUs: 0.04,
  /** An exponent below what a double holds counts as so many digits: decimals are divided, and their logarithm taken. */
  exponentDigits: 50,
  /** For each square of the assignments of an UPDATE: each is compared with all before it. */
  assignmentUs: 0.006,
  /** The same for those that Cassandra refuses when the column comes again, with an error for each pair. */
  plainAssignmentUs: 0.02,
  /** For each square of the conditions of one WHERE or IF. */
  conditionUs: 0.012,
  /** For each square of the fields of a user type's literal, whose names may be of one hash. */
  fieldUs: 0.01,
  /** For each square of the names that are not the first of their hash. */
  nameUs: 0.01,
  /** Texts of fewer tokens hold no more names than can be afforded, whatever their hashes. */
  namesUnchecked: 1024,
  /** A type in a string, which a node reads by reflection. */
  javaTypeUs: 20,
  /** An operator of a term, and how much more it makes of what stands before it: types are tried out. */
  operatorUs: 1,
  operatorFactor: 10,
  /** A call in a term, and how often one of Cassandra's own looks at what stands in it to find its types. */
  callUs: 1.5,
  callFactor: 3,
  /** The same of overloads, and of operators, around a call that may be of any type: each tries it for its own types. */
  overloadFactor: 24,
  operatorOfCallsFactor: 40,
} as const;

/** Tokens and their verification. */
export const TOKENS = {
  /** Real ones have 1 to 8 KiB (a hundred groups); the handshake's frame is bounded anyway. */
  maxLength: 32 * KIB,
  /** Signature checks and key look-ups at once. */
  checksUnderWay: 512,
  /** Of those, at most so many that need the keys of one issuer: it may be slow. */
  checksPerIssuer: 256,
  /** Further checks wait in a line that is fair by issuer and source, for so long: drivers give up a connection after 5 s. */
  checksWaiting: 1024,
  checkWaitMs: 4_000,
  /** Tokens whose verification is remembered until they expire. */
  verifiedKept: 10_000,
  /** What their claims may hold together. */
  verifiedBytes: 32 * MIB,
  /** Hashes of tokens that were good before a restart or a change of keys: 10 MiB of them. */
  seenBeforeKept: 100_000,
  /** Longest grace of a role, and how long an expired token is remembered as one that was good here. */
  graceMaxMs: 24 * 3_600_000,
  /** How far a clock may be off before `nbf` and `iat` are believed to lie in the future. */
  clockSkewMs: 60_000,
} as const;

/** Key sets of issuers. */
export const JWKS = {
  /** Keys are looked for again after this, so that a withdrawn one does not live on. */
  refreshMs: 10 * 60_000,
  /** How often it is looked whether that time has come: no token need ask. */
  lookMs: 15_000,
  /** While the issuer is down its keys serve on, at most for this. */
  staleMs: 24 * 3_600_000,
  /** Unknown key ids ask the issuer again no more often than this. */
  coolDownMs: 10_000,
  /** Of keys that were withdrawn, so many are named in the log, in so many characters. */
  idsLogged: 16,
  idLength: 128,
} as const;

/** Certificates from files. */
export const CERTIFICATES = {
  /** A changed file is taken after two of these. */
  pollMs: 2_000,
  /** A certificate that ends within this is warned of. */
  warnMs: 14 * 86_400_000,
  /** Of one file; the usual authorities of a system together have a quarter of it. */
  fileBytes: MIB,
} as const;

/** Secrets of upstream logins. */
export const SECRETS = {
  /** A password has tens of bytes, a service-account token a few thousand. */
  fileBytes: 64 * KIB,
  /** A changed file is seen within this, and taken when it is read the same once more. */
  filePollMs: 500,
  /** Vault tells nobody that a KV or static secret changed. */
  vaultPollMs: 30_000,
  /** The next lease or token is fetched after this share of the life of the present one. */
  renewAfterShare: 2 / 3,
  /** Up to this share of that wait sooner: a fleet that started together must not come in step. */
  jitterShare: 0.1,
  /** Connections of a lease are closed this long before Vault drops its user. */
  leaseMarginMs: 2_000,
  /** Timers of Node end at 24 days, leases do not; looking once more a day costs nothing. */
  longestWaitMs: 24 * 3_600_000,
  /** By how much a timer may be early. */
  timerSlackMs: 20,
  /** After a secret could not be read. */
  retryMinMs: 500,
  retryMaxMs: 30_000,
  /** A refused login reads its secret anew no more often: for a lease that makes a user. */
  refreshCoolDownMs: 5_000,
  /** At start: while Vault is down or sealed it is asked again for this long. */
  startTimeoutMs: 60_000,
  /** At the end: leases are revoked for this long; what is left ends by itself. */
  revokeTimeoutMs: 5_000,
} as const;

/** Requests to issuers, Bitbucket and Vault. */
export const OUTBOUND = {
  connectTimeoutMs: 3_000,
  /** From the request to the last byte of its answer. */
  timeoutMs: 5_000,
  /** Far above any key set, pipeline or lease. */
  documentBytes: 256 * KIB,
} as const;

/** The commit behind a job, asked of Bitbucket: 1,000 calls an hour stand against 10,000 jobs. */
export const VCS = {
  /** Pipeline runs whose answer is kept. */
  runsKept: 10_000,
  /** Pipeline runs that wait for their turn, in a line that is fair by role. */
  runsWaiting: 1024,
  /** Requests to Bitbucket at once. */
  requestsAtOnce: 16,
  /** Of those, at most so many of one role: one that asks for many runs leaves room. */
  requestsPerRole: 12,
  /** From the first request for a run to the last repeat. */
  lookUpMs: 20_000,
  /** A login waits for the answer at most this long: drivers give up a connection after 5 s. */
  loginWaitMs: 4_000,
  /** A schema change waits at most this long: drivers give up a request after 10 to 12 s. */
  changeWaitMs: 8_000,
  /** The same where the change is made anyway. */
  bestEffortWaitMs: 2_000,
  /** The commit of a run never changes, its state does: it is asked for again after this. */
  recheckMs: 5 * 60_000,
  /** While Bitbucket can't be asked, what it said before holds, at most for this. */
  staleMs: 3_600_000,
  /** A run that was found wrong is not asked for again within this. */
  unverifiedMs: 10_000,
  /** The same where there was no answer. */
  unavailableMs: 5_000,
  /** Pause of all look-ups after a failure, doubled with each until one succeeds. */
  pauseMinMs: 500,
  pauseMaxMs: 10_000,
  /** A Retry-After is believed up to this: Bitbucket counts by the hour. */
  retryAfterMaxMs: 3_600_000,
  /** Names that clients and Bitbucket send, as recorded. */
  textLength: 128,
} as const;

/** The fleet's revocations. */
export const REVOCATION = {
  /** With the sessions' own tick this is in force everywhere within two seconds. */
  pollMs: 1_000,
  /** While there is no table. */
  absentPollMs: 30_000,
  /** A value or reason that is given to the admin API. */
  textLength: 512,
} as const;

/** `cqlgate login` (RFC 8628). */
export const DEVICE_FLOW = {
  /** Between two questions, where the issuer does not say. */
  intervalMs: 5_000,
  /** Added when it asks to be asked less often. */
  slowDownMs: 5_000,
  longestMs: 15 * 60_000,
} as const;

/** An error of ours that met no guard. */
export const LAST_RESORT = {
  /** The ledger is written within this, or what it holds is lost; a supervisor waits for 10 s or more. */
  sealMs: 5_000,
  /** Of that, sessions have this long to end, so that their ends are in it. */
  sessionsMs: 1_000,
} as const;

/** The admin API. */
export const ADMIN = {
  bodyBytes: 16 * KIB,
  /** Failed requests whose answer is delayed at once; those beyond are answered without. */
  refusalsWaiting: 256,
  /** Tokens looked at once for it: those of drivers have a queue of their own, and most of the room. */
  checksUnderWay: 16,
  /** Between two rounds of metrics, or of readiness: whoever reaches the port may ask for them. */
  roundPauseMs: 100,
  /** Connections at once: probes, scrapes and operators need a few. Beyond it the oldest of the source with most goes. */
  connections: 512,
  connectionsPerSource: 128,
} as const;

/** The processes of a gate, where there are several. */
export const WORKERS = {
  max: 64,
  /** Before one that ended is replaced; doubled each time that it ended soon. */
  restartMinMs: 250,
  restartMaxMs: 30_000,
  /** One that lived this long did not end soon. */
  steadyMs: 60_000,
  /** The admin port leaves out one that does not answer within this. */
  answerMs: 2_000,
} as const;

/** Connections that have not logged in. */
export const ADMISSION = {
  /** Failures of a source that are answered at once. */
  freeFailures: 5,
  delayStepMs: 100,
  delayMaxMs: 2_000,
  /** Without a failure for this long a source starts anew. */
  forgetMs: 60_000,
  /** Sources whose failures are counted. */
  sources: 10_000,
} as const;

interface LimitRow {
  readonly default: number;
  readonly unit: 'bytes' | 'ms' | 'count';
  readonly reason: string;
  /** Of the gate as a whole: each of its workers gets its share. */
  readonly isDivided?: true;
}

/** What an operator may set under `limits:`; docs/CONFIG.md is made of it. */
export const LIMITS = {
  maxFrameBytes: {
    default: 16 * MIB,
    unit: 'bytes',
    reason: "One request, header and body; Cassandra's own default bound.",
  },
  preAuthFrameBytes: {
    default: 64 * KIB,
    unit: 'bytes',
    reason: 'One request before the login; tokens have at most about 8 KiB.',
  },
  handshakeTimeoutMs: {
    default: 10_000,
    unit: 'ms',
    reason: 'From accept to the token; drivers send both at once.',
  },
  unauthenticatedConnections: {
    default: 1024,
    unit: 'count',
    reason: 'Connections without a login, in all; beyond it the oldest of the busiest source goes.',
    isDivided: true,
  },
  unauthenticatedPerSource: {
    default: 512,
    unit: 'count',
    reason: 'The same for one source address; behind NAT all jobs are one source.',
    isDivided: true,
  },
  sessions: {
    default: 20_000,
    unit: 'count',
    reason: 'Client connections at once.',
    isDivided: true,
  },
  inFlightPerSession: {
    default: 2048,
    unit: 'count',
    reason: "Requests in flight of one session; drivers' own bound, beyond it reading pauses.",
  },
  inFlightBytesPerSession: {
    default: 32 * MIB,
    unit: 'bytes',
    reason: 'Read buffers held by requests in flight of one session; beyond it reading pauses.',
  },
  inFlightBytes: {
    default: 512 * MIB,
    unit: 'bytes',
    reason:
      'The same for all sessions together; beyond it those above their fair share are not read.',
    isDivided: true,
  },
  heapBudgetBytes: {
    default: 0,
    unit: 'bytes',
    reason:
      'Of the heap, what clients may fill: caches, counts, requests. 0: half of what V8 may take (--max-old-space-size).',
    isDivided: true,
  },
  bufferBudgetBytes: {
    default: 0,
    unit: 'bytes',
    reason:
      'Buffers that clients may fill: requests, unread answers, unfinished frames. 0: half of what V8 may take, or less where container or machine have little beside it.',
    isDivided: true,
  },
  statementBytes: {
    default: 1 * MIB,
    unit: 'bytes',
    reason: 'Text of one statement; longer ones carry data that should be bound.',
  },
  batchStatements: {
    default: 65_535,
    unit: 'count',
    reason: 'Statements in a BATCH message; what its count can hold.',
  },
  statementCacheBytes: {
    default: 64 * MIB,
    unit: 'bytes',
    reason: 'Analysed statements that are kept, by what they cost on the heap.',
    isDivided: true,
  },
  preparedRegistryBytes: {
    default: 64 * MIB,
    unit: 'bytes',
    reason:
      'Prepared statements that are known, by what they cost on the heap; beyond it drivers prepare again.',
    isDivided: true,
  },
  poolConnections: {
    default: 512,
    unit: 'count',
    reason: 'Connections to the cluster, all pools together.',
    isDivided: true,
  },
  activityBytesPerRole: {
    default: 8 * MIB,
    unit: 'bytes',
    reason:
      'Records of permitted rows of one role and minute under `dml: activity`; further statements are counted together.',
    isDivided: true,
  },
  auditWaitMs: {
    default: 5_000,
    unit: 'ms',
    reason:
      'What must be recorded waits this long while the ledger has no room or the disk refuses; then it is refused.',
  },
  machineSessionMs: {
    default: 24 * 3_600_000,
    unit: 'ms',
    reason:
      "A session of a job or service lasts at most this long; a role's `session.max` goes before.",
  },
  humanSessionMs: {
    default: 12 * 3_600_000,
    unit: 'ms',
    reason: 'The same for people: a working day.',
  },
  readTimeoutMs: {
    default: 12_000,
    unit: 'ms',
    reason: "Deadline of reads; above Cassandra's own 10 s for ranges.",
  },
  writeTimeoutMs: {
    default: 12_000,
    unit: 'ms',
    reason: "Deadline of writes; above Cassandra's own 5 s for counters.",
  },
  schemaTimeoutMs: {
    default: 65_000,
    unit: 'ms',
    reason: "Deadline of schema changes and TRUNCATE; above Cassandra's own 60 s.",
  },
  ddlLaneQueue: {
    default: 256,
    unit: 'count',
    reason:
      'Schema changes of one keyspace that may wait for their turn; beyond it those of the role with the most get OVERLOADED.',
    isDivided: true,
  },
  ddlLaneWaitMs: {
    default: 50_000,
    unit: 'ms',
    reason:
      'A schema change waits this long for its turn; below the minute that migration tools give it.',
  },
  schemaAgreementMs: {
    default: 10_000,
    unit: 'ms',
    reason:
      'After a schema change its answer waits this long for all nodes to have it; as long as drivers would.',
  },
  keepAliveMs: {
    default: 60_000,
    unit: 'ms',
    reason:
      'After so long without a byte, in whole seconds and one at least, the kernel asks whether the other end of a connection, a client or a node, is still there; if it is not, the connection ends within ten seconds more.',
  },
  drainTimeoutMs: {
    default: 15 * 60_000,
    unit: 'ms',
    reason: 'After SIGTERM sessions are served for this long, then until what is in flight ended.',
  },
  drainNoticeMs: {
    default: 3_000,
    unit: 'ms',
    reason:
      'With an admin port, /readyz says no for this long before new connections are refused, so that load balancers notice first.',
  },
} as const satisfies Record<string, LimitRow>;

export type LimitName = keyof typeof LIMITS;
export type Limits = Readonly<Record<LimitName, number>>;

/** The limits of one of so many workers, with an operator's own values over the defaults. */
export function resolveLimits(
  own: Partial<Record<LimitName, number | undefined>>,
  workers = 1,
): Limits {
  const resolved = {} as Record<LimitName, number>;
  for (const name of Object.keys(LIMITS) as LimitName[]) {
    const row: LimitRow = LIMITS[name];
    const value = own[name] ?? row.default;
    resolved[name] = row.isDivided === true ? Math.ceil(value / workers) : value;
  }
  return resolved;
}

/** Files that operators write. */
export const FILES = {
  configBytes: 4 * MIB,
  /** A changed policy is seen within this, and taken when it is read the same once more. */
  policyPollMs: 500,
} as const;

/** `cqlgate provision`, towards the cluster. */
export const PROVISION = {
  connectTimeoutMs: 10_000,
  /** A role or a keyspace is made on every node before the answer comes. */
  statementTimeoutMs: 60_000,
  /** A page of the schema or of rights: 40 bytes a row or so. */
  pageRows: 2_000,
} as const;

/** `cqlgate policy suggest`. */
export const SUGGEST = {
  /** From this many tables of a keyspace on, or keyspaces of a prefix, one grant for all is offered beside. */
  groupFrom: 3,
  /** Distinct refusals that are listed for a role: whoever probes must not fill the answer. */
  denialsListed: 50,
} as const;

/** `cqlgate sidecar`. */
export const SIDECAR = {
  /** A login's frames: the token is the largest. */
  handshakeFrameBytes: 64 * 1024,
  /** From the first byte of a client to the gate's answer. */
  handshakeMs: 30_000,
  /** Of answers to bytes that came before any version was told. */
  defaultVersion: 4,
  /** How often it looks whether its parent is there, and with `--wait` whether the gate answers. */
  pollMs: 500,
  /** As `limits.keepAliveMs` of the gate, where `--keep-alive` does not say. */
  keepAliveSeconds: 60,
  /** For the gate's answer before a command is started, where `--wait` does not say. */
  commandWaitSeconds: 30,
  /** Applications at once: a driver has a few connections. */
  clients: 1_000,
  /** Connections that have not given the password yet, in all and of one user: the oldest makes room. */
  unauthenticated: 256,
  unauthenticatedPerUser: 64,
  /** Guesses of one user that wait for their turn, after some were wrong. */
  guessesWaiting: 16,
  /** Times that the kernel's tables are read for the row of one connection. */
  ownerLooks: 3,
  /** Lines about refused connections in each interval; those beyond are counted. */
  complaintsPerInterval: 20,
  complaintsIntervalMs: 60_000,
} as const;
