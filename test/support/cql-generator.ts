// CQL texts from Cassandra's grammar, and what can be done to them: comments between all tokens, odd
// case, quoting, keywords as names, tokens lost, doubled, swapped, cut, stray bytes. Reproducible by
// seed.

export type Random = () => number;

/** Words that are names although they are keywords. */
const KEYWORD_NAMES = (
  'key keys as cluster clustering compact storage tables type types values map list filtering permission ' +
  'permissions keyspaces all user users role roles identity superuser nosuperuser login nologin options password ' +
  'hashed exists custom trigger contains internals only static frozen tuple function functions aggregate ' +
  'aggregates sfunc stype finalfunc initcond returns language called input like per partition group datacenters ' +
  'cidrs access default mbean mbeans replace unset masked unmask select_masked vector ann int text uuid date time ' +
  'timestamp counter blob ttl count writetime maxwritetime cast json distinct'
).split(' ');
const RESERVED = (
  'add allow alter and apply asc authorize batch begin by columnfamily create delete desc describe drop entries ' +
  'execute from full grant if in index insert into is keyspace limit materialized modify norecursive not null of ' +
  'on or order primary rename revoke schema select set table to token truncate unlogged update use using view ' +
  'where with nan infinity'
).split(' ');
const TYPE_NAMES =
  'int text uuid bigint date float blob varchar timestamp boolean duration counter'.split(' ');
const JAVA_TYPES =
  'Int32Type UTF8Type LongType BytesType TimeUUIDType LexicalUUIDType DateType EmptyType'.split(
    ' ',
  );
const NAMES = 'a b c k t u v ks ks2 Orders x_1 p1d e5 deadbeef expr truex'.split(' ');
const QUOTED = [
  '"a"',
  '"Ks"',
  '"t.u"',
  '"FROM"',
  '"a""b"',
  '"-- x"',
  '"/*"',
  '"select"',
  '" "',
  '"é"',
];
const STRINGS = [
  "'x'",
  "''",
  "'it''s'",
  "'-- '",
  "'/*'",
  '$$a$b$$',
  "$$'$$",
  '$$$$',
  "'; DROP TABLE t'",
  "'\n'",
  "'é'",
];
const NUMBERS = ['1', '0', '-1', '42', '1.5', '1.', '1e5', '1.e5', '-2.5E+3', '0x', '0xCAFE'];
const OTHERS = [
  '123e4567-e89b-12d3-a456-426614174000',
  'e23e4567-e89b-12d3-a456-426614174000',
  '1h30m',
  '-1us',
  '1µs',
  'P1Y2M3D',
  'PT1H',
  'P12W',
  'true',
  'FALSE',
  'NaN',
  '-Infinity',
];
const COMPARISONS = ['=', '<', '<=', '>', '>=', '!='];
const CLASSES = [
  "'SimpleStrategy'",
  "'org.apache.cassandra.locator.NetworkTopologyStrategy'",
  "'com.acme.Own'",
];
const DATA_PERMISSIONS = 'CREATE ALTER DROP SELECT MODIFY AUTHORIZE UNMASK SELECT_MASKED'.split(
  ' ',
);

export class CqlGenerator {
  readonly #random: Random;
  /** Budget of nesting: terms get simpler as it runs out. */
  #depth = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Tokens of one statement of the grammar; a few may be refused for what they mean. */
  statement(): string[] {
    this.#depth = 0;
    const make = this.#one(KINDS);
    const tokens = make(this).filter((token) => token !== '');
    return [...tokens, ...this.#many(0, this.#chance(0.1) ? 3 : 0, () => ';')];
  }

  /** Tokens to text: spaces and comments between them, keywords in any case. */
  render(tokens: readonly string[]): string {
    const style = this.#int(4);
    let out = '';
    for (const token of tokens) {
      if (out !== '') out += style === 0 ? this.#comment() : this.#space(out, token, style === 1);
      out += style === 2 && /^[a-z_]+$/i.test(token) ? this.#anyCase(token) : token;
    }
    return out;
  }

  /** The tokens, damaged in one to three places. */
  mutate(tokens: readonly string[]): string[] {
    const out = [...tokens];
    for (let n = 1 + this.#int(3); n > 0 && out.length > 0; n--) {
      const at = this.#int(out.length);
      const other = this.#int(out.length);
      this.#one([
        () => out.splice(at, 1),
        () => out.splice(at, 0, out[other]!),
        () => ([out[at], out[other]] = [out[other]!, out[at]!]),
        () => (out[at] = this.#stray()),
        () => out.splice(at, 0, this.#stray()),
        () => (out[at] = this.name()),
        () => (out[at] = this.term().join(' ')),
      ])();
    }
    return out;
  }

  /** The text, damaged in its characters. */
  damage(text: string): string {
    const at = this.#int(text.length + 1);
    return this.#one([
      () => text.slice(0, at),
      () => text.slice(at),
      () => text.slice(0, at) + text.slice(at + 1),
      () => text.slice(0, at) + this.#one(STRAY_BYTES) + text.slice(at),
      () => text.slice(0, at) + this.#one(STRAY_BYTES) + text.slice(at + 1),
    ])();
  }

  name(): string {
    const n = this.#int(10);
    if (n < 6) return this.#one(NAMES);
    return n < 8 ? this.#one(QUOTED) : this.#one(KEYWORD_NAMES);
  }

  term(): string[] {
    if (++this.#depth > 5) {
      this.#depth--;
      return this.#constant();
    }
    const made = this.#one(TERMS)(this);
    this.#depth--;
    return made;
  }

  table(): string[] {
    return this.#chance(0.6) ? [this.name(), '.', this.name()] : [this.name()];
  }

  type(): string[] {
    if (++this.#depth > 5 || this.#chance(0.5)) {
      this.#depth--;
      return [this.#one(TYPE_NAMES)];
    }
    const made = this.#one<() => string[]>([
      () => ['list', '<', ...this.type(), '>'],
      () => ['set', '<', ...this.type(), '>'],
      () => ['map', '<', ...this.type(), ',', ...this.type(), '>'],
      () => ['frozen', '<', ...this.type(), '>'],
      () => ['tuple', '<', ...this.#list(1, 3, () => this.type()), '>'],
      () => ['vector', '<', 'float', ',', '3', '>'],
      () => [`'${this.javaType()}'`],
      () => this.typeName(),
      () => this.typeName(),
    ])();
    this.#depth--;
    return made;
  }

  /** As it stands in a string: what it is in Java. */
  javaType(depth = 0): string {
    const simple = (): string =>
      (this.#chance(0.3) ? 'org.apache.cassandra.db.marshal.' : '') + this.#one(JAVA_TYPES);
    if (depth > 3 || this.#chance(0.4)) return simple();
    const inner = (): string => this.javaType(depth + 1);
    const comma = this.#one([',', ', ', ' , ']);
    return this.#one<() => string>([
      () => `ListType(${inner()})`,
      () => `SetType( ${inner()} )`,
      () => `MapType(${inner()}${comma}${inner()})`,
      () => `TupleType(${inner()}${comma}${inner()})`,
      () => `FrozenType(${inner()})`,
      () => `ReversedType(${inner()})`,
      () => `CompositeType(${inner()}${comma}${inner()})`,
      () => `VectorType(${inner()}${comma}3)`,
      () => `UserType(ks,75,61:${inner()}${comma}62:${inner()})`,
      () => `${simple()}(reversed=true)`,
      () => this.#one(['', 'X', 'ListType', 'ListType()', 'UserType(ks)', 'VectorType(FloatType)']),
    ])();
  }

  typeName(): string[] {
    const name = this.#chance(0.8)
      ? this.#one([...NAMES, ...QUOTED])
      : this.#one(['key', 'all', 'type', 'map']);
    return this.#chance(0.5) ? [this.name(), '.', name] : [name];
  }

  functionName(): string[] {
    const name = this.#one([
      ...NAMES,
      ...QUOTED,
      'token',
      'count',
      'now',
      'toJson',
      'uuid',
      'role',
      'sum',
    ]);
    return this.#chance(0.6) ? [this.name(), '.', name] : [name];
  }

  call(argument: () => string[]): string[] {
    return [...this.functionName(), '(', ...this.#list(0, 3, argument), ')'];
  }

  selector(): string[] {
    if (++this.#depth > 5 || this.#chance(0.4)) {
      this.#depth--;
      return [this.name()];
    }
    const inner = (): string[] => this.selector();
    const made = this.#one<() => string[]>([
      () => this.#constant(),
      () => this.call(inner),
      () => this.call(inner),
      () => ['count', '(', '*', ')'],
      () => ['CAST', '(', ...inner(), 'AS', this.#one(TYPE_NAMES), ')'],
      () => [this.#one(['ttl', 'writetime', 'maxwritetime']), '(', this.name(), ')'],
      () => [...inner(), this.#one(['+', '-', '*', '/', '%']), ...inner()],
      () => ['-', ...inner()],
      () => [this.name(), '.', this.name()],
      () => [this.name(), '[', ...this.term(), ']'],
      () => [this.name(), '[', ...this.term(), '..', ...this.#maybe(() => this.term()), ']'],
      () => ['(', ...this.type(), ')', this.name()],
      () => ['(', ...this.#list(1, 3, inner), ')'],
      () => ['[', ...this.#list(0, 3, inner), ']'],
      () => ['{', ...this.#list(1, 3, inner), '}'],
      () => ['{', ...this.#list(1, 2, () => [...inner(), ':', ...inner()]), '}'],
    ])();
    this.#depth--;
    return made;
  }

  relation(): string[] {
    const column = this.column();
    return this.#one<() => string[]>([
      () => [column, this.#one(COMPARISONS), ...this.term()],
      () => [column, '=', ...this.term()],
      () => [column, 'IN', ...this.inValues()],
      () => [column, 'CONTAINS', ...this.#maybe(() => ['KEY']), ...this.term()],
      () => [column, 'LIKE', ...this.term()],
      () => [column, 'IS', 'NOT', 'NULL'],
      () => [column, '[', ...this.term(), ']', '=', ...this.term()],
      () => ['token', '(', ...this.#list(1, 2, () => [this.column()]), ')', '>', ...this.term()],
      () => [
        '(',
        ...this.#list(1, 2, () => [this.column()]),
        ')',
        '>',
        '(',
        ...this.#list(1, 2, () => this.term()),
        ')',
      ],
      () => [
        '(',
        ...this.#list(2, 2, () => [this.column()]),
        ')',
        'IN',
        '(',
        '(',
        ...this.#list(1, 2, () => this.term()),
        ')',
        ')',
      ],
      () => ['(', ...this.relation(), ')'],
      () => ['expr(', this.name(), ',', ...this.term(), ')'],
    ])();
  }

  where(): string[] {
    return ['WHERE', ...this.#list(1, 3, () => this.relation(), 'AND')];
  }

  select(): string[] {
    const selected = (): string[] => [
      ...this.selector(),
      ...this.#maybe(() => ['AS', this.name()]),
    ];
    return [
      'SELECT',
      ...this.#maybe(() => ['JSON'], 0.15),
      ...this.#maybe(() => ['DISTINCT'], 0.15),
      ...(this.#chance(0.3) ? ['*'] : this.#list(1, 3, selected)),
      'FROM',
      ...this.table(),
      ...this.#maybe(() => this.where()),
      ...this.#maybe(() => ['GROUP', 'BY', ...this.#list(1, 2, () => this.selector())], 0.1),
      ...this.#maybe(
        () => ['ORDER', 'BY', this.column(), ...this.#maybe(() => [this.#one(['ASC', 'DESC'])])],
        0.2,
      ),
      ...this.#maybe(() => ['ORDER', 'BY', this.column(), 'ANN', 'OF', ...this.term()], 0.05),
      ...this.#maybe(() => ['PER', 'PARTITION', 'LIMIT', this.integer()], 0.1),
      ...this.#maybe(() => ['LIMIT', this.integer()], 0.3),
      ...this.#maybe(() => ['ALLOW', 'FILTERING'], 0.2),
    ];
  }

  insert(): string[] {
    const values = this.#chance(0.2)
      ? [
          'JSON',
          this.#one([...STRINGS, '?']),
          ...this.#maybe(() => ['DEFAULT', this.#one(['NULL', 'UNSET'])]),
        ]
      : [
          '(',
          ...this.#list(1, 3, () => [this.column()]),
          ')',
          'VALUES',
          '(',
          ...this.#list(1, 3, () => this.term()),
          ')',
        ];
    return [
      'INSERT',
      'INTO',
      ...this.table(),
      ...values,
      ...this.#maybe(() => ['IF', 'NOT', 'EXISTS'], 0.3),
      ...this.using(),
    ];
  }

  update(): string[] {
    return [
      'UPDATE',
      ...this.table(),
      ...this.using(),
      'SET',
      ...this.assignment(),
      ...this.where(),
      ...this.conditions(),
    ];
  }

  deletion(): string[] {
    const deleted = (): string[] =>
      this.#one<() => string[]>([
        () => [this.column()],
        () => [this.column(), '[', ...this.term(), ']'],
        () => [this.column(), '.', this.name()],
      ])();
    return [
      'DELETE',
      ...this.#maybe(() => this.#list(1, 2, deleted)),
      'FROM',
      ...this.table(),
      ...this.#maybe(() => ['USING', 'TIMESTAMP', this.integer()], 0.2),
      ...this.where(),
      ...this.conditions(),
    ];
  }

  batch(): string[] {
    const child = (): string[] => [
      ...this.#one([() => this.insert(), () => this.update(), () => this.deletion()])(),
      ...this.#maybe(() => [';']),
    ];
    return [
      'BEGIN',
      ...this.#maybe(() => [this.#one(['UNLOGGED', 'COUNTER'])]),
      'BATCH',
      ...this.using(),
      ...this.#many(0, 3, child).flat(),
      'APPLY',
      'BATCH',
    ];
  }

  properties(special: (() => string[]) | null = null): string[] {
    let n = 0;
    const property = (): string[] => {
      if (special !== null && this.#chance(0.3)) return special();
      const name = `p${n++}`;
      return this.#one<() => string[]>([
        () => [name, '=', ...this.#plainConstant()],
        () => [name, '=', this.#one(['all', 'none', 'keys']) === 'all' ? 'all' : 'keys'],
        () => [name, '=', '{', "'class'", ':', this.#one(CLASSES), '}'],
        () => [name, '=', '{', "'x'", ':', ...this.#plainConstant(), ',', '1', ':', "'y'", '}'],
        () => [name, '=', '{', '}'],
      ])();
    };
    return ['WITH', ...this.#list(1, 2, property, 'AND')];
  }

  column(): string {
    return this.#chance(0.05) ? '""' : this.name();
  }

  columnDefinition(): string[] {
    return [
      this.name(),
      ...this.type(),
      ...this.#maybe(() => ['STATIC'], 0.1),
      ...this.#maybe(() => this.mask(), 0.1),
    ];
  }

  mask(): string[] {
    return ['MASKED', 'WITH', ...(this.#chance(0.4) ? ['DEFAULT'] : this.call(() => this.term()))];
  }

  role(): string {
    return this.#chance(0.3) ? this.#one(STRINGS) : this.name();
  }

  ifExists(): string[] {
    return this.#maybe(() => ['IF', 'EXISTS'], 0.3);
  }

  ifNotExists(): string[] {
    return this.#maybe(() => ['IF', 'NOT', 'EXISTS'], 0.3);
  }

  resource(): string[] {
    return this.#one<() => string[]>([
      () => ['ALL', 'KEYSPACES'],
      () => ['KEYSPACE', this.name()],
      () => this.table(),
      () => ['TABLE', ...this.table()],
      () => ['ALL', 'TABLES', 'IN', 'KEYSPACE', this.name()],
      () => ['ALL', 'ROLES'],
      () => ['ROLE', this.role()],
      () => ['ALL', 'FUNCTIONS'],
      () => ['ALL', 'FUNCTIONS', 'IN', 'KEYSPACE', this.name()],
      () => ['FUNCTION', 'system', '.', 'now', '(', ')'],
      () => ['FUNCTION', ...this.functionName(), '(', ...this.#list(0, 2, () => this.type()), ')'],
      () => ['ALL', 'MBEANS'],
      () => ['MBEAN', "'org.apache:type=X'"],
      () => ['MBEANS', "'org.apache:*'"],
    ])();
  }

  permissions(): string[] {
    if (this.#chance(0.3)) return ['ALL', ...this.#maybe(() => ['PERMISSIONS'])];
    const all = [...DATA_PERMISSIONS, 'EXECUTE', 'DESCRIBE'];
    return this.#list(1, 3, () => [this.#one(all), ...this.#maybe(() => ['PERMISSION'], 0.2)]);
  }

  roleOptions(): string[] {
    const options = [
      () => ['PASSWORD', '=', this.#one(STRINGS)],
      () => ['LOGIN', '=', this.#one(['true', 'false'])],
      () => ['SUPERUSER', '=', this.#one(['true', 'false'])],
      () => ['OPTIONS', '=', '{', "'a'", ':', ...this.#plainConstant(), '}'],
      () => ['ACCESS', 'TO', 'ALL', 'DATACENTERS'],
      () => ['ACCESS', 'TO', 'DATACENTERS', '{', "'dc1'", '}'],
      () => ['ACCESS', 'FROM', 'CIDRS', '{', "'g'", ',', "'h'", '}'],
      () => ['ACCESS', 'FROM', 'ALL', 'CIDRS'],
    ];
    const first = this.#int(options.length);
    const chosen = this.#chance(0.5) ? [first] : [first, (first + 1) % options.length];
    return this.#maybe(
      () => [
        'WITH',
        ...join(
          chosen.map((i) => options[i]!()),
          'AND',
        ),
      ],
      0.8,
    );
  }

  userOptions(): string[] {
    return [
      ...this.#maybe(() => [
        'WITH',
        ...this.#maybe(() => ['HASHED']),
        'PASSWORD',
        this.#one(STRINGS),
      ]),
      ...this.#maybe(() => [this.#one(['SUPERUSER', 'NOSUPERUSER'])]),
    ];
  }

  user(): string {
    return this.#one(['alice', 'Bob', "'carol'", "'Da ve'"]);
  }

  describe(): string[] {
    const what = this.#one<() => string[]>([
      () => ['CLUSTER'],
      () => [...this.#maybe(() => ['FULL']), 'SCHEMA'],
      () => ['KEYSPACES'],
      () => [...this.#maybe(() => ['ONLY']), 'KEYSPACE', ...this.#maybe(() => [this.name()])],
      () => [this.#one(['TABLES', 'TYPES', 'FUNCTIONS', 'AGGREGATES'])],
      () => ['TABLE', ...this.table()],
      () => ['INDEX', ...this.table()],
      () => ['MATERIALIZED', 'VIEW', ...this.table()],
      () => ['TYPE', ...this.typeName()],
      () => [this.#one(['FUNCTION', 'AGGREGATE']), ...this.functionName()],
      () => this.table(),
    ])();
    return [
      this.#one(['DESC', 'DESCRIBE']),
      ...what,
      ...this.#maybe(() => ['WITH', 'INTERNALS'], 0.2),
    ];
  }

  using(): string[] {
    return this.#maybe(
      () => [
        'USING',
        ...this.#list(1, 2, () => [this.#one(['TIMESTAMP', 'TTL']), this.integer()], 'AND'),
      ],
      0.2,
    );
  }

  conditions(): string[] {
    const condition = (): string[] =>
      this.#one<() => string[]>([
        () => [this.column(), this.#one(COMPARISONS), ...this.term()],
        () => [this.column(), 'IN', ...this.inValues()],
        () => [this.column(), '[', ...this.term(), ']', '=', ...this.term()],
        () => [this.column(), '.', this.name(), '=', ...this.term()],
        () => [this.column(), 'CONTAINS', ...this.term()],
      ])();
    return this.#maybe(
      () => (this.#chance(0.3) ? ['IF', 'EXISTS'] : ['IF', ...this.#list(1, 2, condition, 'AND')]),
      0.3,
    );
  }

  assignment(): string[] {
    const column = this.column();
    return this.#one<() => string[]>([
      () => [column, '=', ...this.term()],
      () => [column, '=', ...this.term()],
      () => [column, '=', column, this.#one(['+', '-']), ...this.term()],
      () => [column, '=', ...this.term(), '+', column],
      () => [column, this.#one(['+=', '-=']), ...this.term()],
      () => [column, '=', column, '-1'],
      () => [column, '[', ...this.term(), ']', '=', ...this.term()],
      () => [column, '.', this.name(), '=', ...this.term()],
    ])();
  }

  inValues(): string[] {
    return this.#chance(0.3) ? this.marker() : ['(', ...this.#list(0, 3, () => this.term()), ')'];
  }

  marker(): string[] {
    return this.#chance(0.6) ? ['?'] : [':', this.name()];
  }

  integer(): string {
    return this.#one(['1', '100', '?', '-1']);
  }

  aggregate(): string[] {
    const own = (): string => this.#one([...NAMES, ...QUOTED]);
    return [
      ...this.functionName(),
      '(',
      ...this.#list(0, 2, () => this.type()),
      ')',
      'SFUNC',
      own(),
      'STYPE',
      ...this.type(),
      ...this.#maybe(() => ['FINALFUNC', own()]),
      ...this.#maybe(() => ['INITCOND', ...this.term()]),
    ];
  }

  createFunction(): string[] {
    return [
      ...this.functionName(),
      '(',
      ...this.#list(0, 2, () => [this.name(), ...this.type()]),
      ')',
      ...(this.#chance(0.5) ? ['RETURNS', 'NULL'] : ['CALLED']),
      'ON',
      'NULL',
      'INPUT',
      'RETURNS',
      ...this.type(),
      'LANGUAGE',
      'java',
      'AS',
      this.#one(STRINGS),
    ];
  }

  createTable(): string[] {
    const extra = (): string[] =>
      this.#one([
        () => ['COMPACT', 'STORAGE'],
        () => ['CLUSTERING', 'ORDER', 'BY', '(', this.name(), this.#one(['ASC', 'DESC']), ')'],
      ])();
    const columns = this.#list(1, 3, () => this.columnDefinition());
    const key = this.#one([
      () => [',', 'PRIMARY', 'KEY', '(', this.name(), ')'],
      () => [
        ',',
        'PRIMARY',
        'KEY',
        '(',
        '(',
        ...this.#list(1, 2, () => [this.name()]),
        ')',
        ',',
        this.name(),
        ')',
      ],
      () => ['PRIMARY', 'KEY'],
    ])();
    return [
      ...this.table(),
      '(',
      ...columns,
      ...key,
      ...this.#maybe(() => [','], 0.05),
      ')',
      ...this.#maybe(() => this.properties(extra)),
    ];
  }

  alterTable(): string[] {
    const renames = (): string[] => this.#list(1, 2, () => [this.name(), 'TO', this.name()], 'AND');
    return this.#one<() => string[]>([
      () => ['ADD', ...this.ifNotExists(), ...this.columnDefinition()],
      () => ['ADD', '(', ...this.#list(1, 2, () => this.columnDefinition()), ')'],
      () => [
        'DROP',
        ...this.ifExists(),
        this.name(),
        ...this.#maybe(() => ['USING', 'TIMESTAMP', '1'], 0.2),
      ],
      () => ['DROP', '(', ...this.#list(1, 2, () => [this.name()]), ')'],
      () => ['RENAME', ...this.ifExists(), ...renames()],
      () => ['ALTER', this.name(), 'TYPE', ...this.type()],
      () => ['ALTER', ...this.ifExists(), this.name(), ...this.mask()],
      () => ['ALTER', ...this.ifExists(), this.name(), 'DROP', 'MASKED'],
      () => ['DROP', 'COMPACT', 'STORAGE'],
      () => this.properties(),
    ])();
  }

  alterType(): string[] {
    return this.#one<() => string[]>([
      () => ['ADD', ...this.ifNotExists(), this.name(), ...this.type()],
      () => ['ALTER', this.name(), 'TYPE', ...this.type()],
      () => ['RENAME', ...this.#list(1, 2, () => [this.name(), 'TO', this.name()], 'AND')],
    ])();
  }

  typeFields(): string[] {
    return [
      '(',
      ...this.#list(1, 3, () => [this.name(), ...this.type()]),
      ...this.#maybe(() => [','], 0.05),
      ')',
    ];
  }

  createIndex(): string[] {
    const target = (): string[] =>
      this.#chance(0.7)
        ? [this.column()]
        : [this.#one(['VALUES', 'KEYS', 'ENTRIES', 'FULL']), '(', this.column(), ')'];
    return [
      ...this.#maybe(() => ['CUSTOM']),
      'INDEX',
      ...this.ifNotExists(),
      ...this.#maybe(() => [this.name()]),
      'ON',
      ...this.table(),
      '(',
      ...this.#list(0, 2, target),
      ')',
      ...this.#maybe(() => [
        'USING',
        this.#one(["'sai'", "'StorageAttachedIndex'", "'com.acme.Index'"]),
      ]),
      ...this.#maybe(() => ['WITH', 'OPTIONS', '=', '{', "'a'", ':', "'b'", '}'], 0.3),
    ];
  }

  createView(): string[] {
    return [
      ...this.table(),
      'AS',
      'SELECT',
      ...(this.#chance(0.5) ? ['*'] : this.#list(1, 2, () => this.selector())),
      'FROM',
      ...this.table(),
      ...this.#maybe(() => this.where(), 0.8),
      'PRIMARY',
      'KEY',
      '(',
      ...this.#list(1, 2, () => [this.name()]),
      ')',
      ...this.#maybe(() => this.properties(), 0.3),
    ];
  }

  functionTypes(): string[] {
    return this.#maybe(() => ['(', ...this.#list(0, 2, () => this.type()), ')']);
  }

  #plainConstant(): string[] {
    return [this.#one([...STRINGS, ...NUMBERS, ...OTHERS])];
  }

  #constant(): string[] {
    return this.#chance(0.2)
      ? [...this.marker()]
      : [this.#one([...STRINGS, ...NUMBERS, ...OTHERS, 'null'])];
  }

  constant(): string[] {
    return this.#constant();
  }

  listOf(item: () => string[], from: number, to: number): string[] {
    return this.#list(from, to, item);
  }

  pick<Item>(items: readonly Item[]): Item {
    return this.#one(items);
  }

  maybe(make: () => string[]): string[] {
    return this.#maybe(make);
  }

  #stray(): string {
    return this.#one([
      ...RESERVED,
      ...KEYWORD_NAMES,
      ...'( ) [ ] { } < > , . ; = + - * : ? .. != ""'.split(' '),
    ]);
  }

  #space(before: string, token: string, tight: boolean): string {
    const last = before.at(-1)!;
    const glues = /[A-Za-z0-9_$'".+\-µ]/;
    if (!tight || (glues.test(last) && glues.test(token[0]!)))
      return this.#one([' ', ' ', '\n', '\t', '\r\n']);
    // `/` and `*`, `-` and `-`, `.` and `.` would become something else together.
    return /[-/*.<>!+:=$]/.test(last) || /[-/*.<>!+:=$]/.test(token[0]!) ? ' ' : '';
  }

  #comment(): string {
    return this.#one([
      '/**/',
      ' /* x */ ',
      "/*'*/",
      '-- c\n',
      '// FROM x\r',
      ' /*/ */',
      '/***/',
      ' ',
    ]);
  }

  #anyCase(word: string): string {
    return word.replace(/./g, (letter) =>
      this.#chance(0.5) ? letter.toUpperCase() : letter.toLowerCase(),
    );
  }

  #int(below: number): number {
    return Math.floor(this.#random() * below);
  }

  #chance(probability: number): boolean {
    return this.#random() < probability;
  }

  #one<Item>(items: readonly Item[]): Item {
    return items[this.#int(items.length)]!;
  }

  #many<Item>(from: number, to: number, make: () => Item): Item[] {
    return Array.from({ length: from + this.#int(to - from + 1) }, make);
  }

  #maybe(make: () => string[], probability = 0.5): string[] {
    return this.#chance(probability) ? make() : [];
  }

  #list(from: number, to: number, make: () => string[], separator = ','): string[] {
    return join(this.#many(from, to, make), separator);
  }
}

function join(items: readonly string[][], separator: string): string[] {
  return items.flatMap((item, i) => (i === 0 ? item : [separator, ...item]));
}

const STRAY_BYTES = [
  "'",
  '"',
  '$$',
  '/*',
  '*/',
  '--',
  '\n',
  '\f',
  '\u00a0',
  '\0',
  '#',
  '\\',
  '`',
  ';',
  '(',
  ')',
  '-',
  '1',
  'e',
  '.',
  '$',
  '\ufeff',
  '!',
];

const TERMS: readonly ((g: CqlGenerator) => string[])[] = [
  (g) => g.constant(),
  (g) => g.constant(),
  (g) => g.constant(),
  (g) => g.constant(),
  (g) => g.call(() => g.term()),
  (g) => g.call(() => g.term()),
  (g) => ['[', ...g.listOf(() => g.term(), 0, 3), ']'],
  (g) => ['{', ...g.listOf(() => g.term(), 0, 3), '}'],
  (g) => ['{', ...g.listOf(() => [...g.term(), ':', ...g.term()], 1, 2), '}'],
  (g) => ['{', ...g.listOf(() => [g.name(), ':', ...g.term()], 1, 2), '}'],
  (g) => ['(', ...g.listOf(() => g.term(), 1, 3), ')'],
  (g) => ['(', ...g.type(), ')', ...g.constant()],
  (g) => ['CAST', '(', ...g.constant(), 'AS', 'int', ')'],
  (g) => [...g.term(), g.pick(['+', '-', '*', '/', '%']), ...g.term()],
  (g) => ['-', ...g.constant()],
];

/** One entry for each statement of the grammar; the frequent ones stand more often. */
const KINDS: readonly ((g: CqlGenerator) => string[])[] = [
  (g) => g.select(),
  (g) => g.select(),
  (g) => g.select(),
  (g) => g.insert(),
  (g) => g.insert(),
  (g) => g.update(),
  (g) => g.update(),
  (g) => g.deletion(),
  (g) => g.batch(),
  (g) => ['USE', g.name()],
  (g) => ['TRUNCATE', ...g.maybe(() => [g.pick(['TABLE', 'COLUMNFAMILY'])]), ...g.table()],
  (g) => ['CREATE', 'KEYSPACE', ...g.ifNotExists(), g.name(), ...g.properties()],
  (g) => ['ALTER', 'KEYSPACE', ...g.ifExists(), g.name(), ...g.properties()],
  (g) => ['DROP', 'KEYSPACE', ...g.ifExists(), g.name()],
  (g) => ['CREATE', 'TABLE', ...g.ifNotExists(), ...g.createTable()],
  (g) => ['CREATE', 'TABLE', ...g.ifNotExists(), ...g.createTable()],
  (g) => ['ALTER', 'TABLE', ...g.ifExists(), ...g.table(), ...g.alterTable()],
  (g) => ['ALTER', 'TABLE', ...g.ifExists(), ...g.table(), ...g.alterTable()],
  (g) => ['DROP', 'TABLE', ...g.ifExists(), ...g.table()],
  (g) => ['CREATE', ...g.createIndex()],
  (g) => ['DROP', 'INDEX', ...g.ifExists(), ...g.table()],
  (g) => ['CREATE', 'MATERIALIZED', 'VIEW', ...g.ifNotExists(), ...g.createView()],
  (g) => ['ALTER', 'MATERIALIZED', 'VIEW', ...g.ifExists(), ...g.table(), ...g.properties()],
  (g) => ['DROP', 'MATERIALIZED', 'VIEW', ...g.ifExists(), ...g.table()],
  (g) => ['CREATE', 'TYPE', ...g.ifNotExists(), ...g.typeName(), ...g.typeFields()],
  (g) => ['ALTER', 'TYPE', ...g.ifExists(), ...g.typeName(), ...g.alterType()],
  (g) => ['DROP', 'TYPE', ...g.ifExists(), ...g.typeName()],
  (g) => [
    'CREATE',
    ...g.maybe(() => ['OR', 'REPLACE']),
    'FUNCTION',
    ...g.ifNotExists(),
    ...g.createFunction(),
  ],
  (g) => ['DROP', 'FUNCTION', ...g.ifExists(), ...g.functionName(), ...g.functionTypes()],
  (g) => [
    'CREATE',
    ...g.maybe(() => ['OR', 'REPLACE']),
    'AGGREGATE',
    ...g.ifNotExists(),
    ...g.aggregate(),
  ],
  (g) => ['DROP', 'AGGREGATE', ...g.ifExists(), ...g.functionName(), ...g.functionTypes()],
  (g) => [
    'CREATE',
    'TRIGGER',
    ...g.ifNotExists(),
    g.name(),
    'ON',
    ...g.table(),
    'USING',
    "'org.acme.T'",
  ],
  (g) => ['DROP', 'TRIGGER', ...g.ifExists(), g.name(), 'ON', ...g.table()],
  (g) => ['GRANT', ...g.permissions(), 'ON', ...g.resource(), 'TO', g.role()],
  (g) => ['GRANT', ...g.permissions(), 'ON', ...g.resource(), 'TO', g.role()],
  (g) => ['REVOKE', ...g.permissions(), 'ON', ...g.resource(), 'FROM', g.role()],
  (g) => ['GRANT', g.role(), 'TO', g.role()],
  (g) => ['REVOKE', g.role(), 'FROM', g.role()],
  (g) => [
    'LIST',
    ...g.permissions(),
    ...g.maybe(() => ['ON', ...g.resource()]),
    ...g.maybe(() => ['OF', g.role()]),
    ...g.maybe(() => ['NORECURSIVE']),
  ],
  (g) => ['CREATE', 'ROLE', ...g.ifNotExists(), g.role(), ...g.roleOptions()],
  (g) => ['ALTER', 'ROLE', ...g.ifExists(), g.role(), ...g.roleOptions()],
  (g) => ['DROP', 'ROLE', ...g.ifExists(), g.role()],
  (g) => ['LIST', 'ROLES', ...g.maybe(() => ['OF', g.role()]), ...g.maybe(() => ['NORECURSIVE'])],
  (g) => ['CREATE', 'USER', ...g.ifNotExists(), g.user(), ...g.userOptions()],
  (g) => ['ALTER', 'USER', ...g.ifExists(), g.user(), ...g.userOptions()],
  (g) => ['DROP', 'USER', ...g.ifExists(), g.user()],
  () => ['LIST', 'USERS'],
  (g) => ['ADD', 'IDENTITY', ...g.ifNotExists(), g.user(), 'TO', 'ROLE', g.user()],
  (g) => ['DROP', 'IDENTITY', ...g.ifExists(), g.user()],
  (g) => g.describe(),
  (g) => g.describe(),
];
