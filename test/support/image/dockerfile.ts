// A Dockerfile as steps by stage, its variables filled in. What the runner can't carry out as a
// container engine would is an error here, so that no step is silently left out.
import { DockerfileParser, type Instruction, PropertyInstruction } from 'dockerfile-ast';

type Texts = Record<string, string>;

export interface Step {
  readonly keyword: string;
  readonly flags: Readonly<Texts>;
  /** Words of COPY, USER and the like; the array of an exec form; the text of RUN as the only one. */
  readonly words: readonly string[];
  /** What ENV and ARG have set so far. */
  readonly variables: Readonly<Texts>;
}

export interface StageFile {
  readonly name: string;
  readonly base: string;
  readonly steps: readonly Step[];
  readonly env: Readonly<Texts>;
  readonly labels: Readonly<Texts>;
}

const KEYWORDS = new Set(
  'RUN COPY WORKDIR USER VOLUME EXPOSE HEALTHCHECK ENTRYPOINT CMD'.split(' '),
);

/** `$NAME` and `${NAME}`; an unknown one is an error, where an engine would take it for empty. */
function filled(text: string, variables: Readonly<Texts>): string {
  return text.replace(
    /\$(?:\{([^}]*)\}|([A-Za-z_]\w*))/g,
    (whole, braced: string | undefined, bare: string | undefined) => {
      const value = variables[braced ?? bare ?? ''];
      if (value === undefined) throw new Error(`Dockerfile: ${whole} is not known here`);
      return value;
    },
  );
}

function properties(instruction: Instruction, variables: Readonly<Texts>): Texts {
  if (!(instruction instanceof PropertyInstruction)) return {};
  return Object.fromEntries(
    instruction
      .getProperties()
      .map((one) => [one.getName(), filled(one.getValue() ?? '', variables)]),
  );
}

function flagsOf(instruction: Instruction): Texts {
  if (!('getFlags' in instruction)) return {};
  const flags = (
    instruction.getFlags as () => { getName(): string; getValue(): string | null }[]
  )();
  return Object.fromEntries(flags.map((flag) => [flag.getName(), flag.getValue() ?? '']));
}

/** What the image starts wants an array: a text would need a shell in the image. */
function execForm(keyword: string, text: string): string[] {
  if (!text.startsWith('[')) throw new Error(`Dockerfile: ${keyword} is not in exec form: ${text}`);
  return JSON.parse(text) as string[];
}

function wordsOf(keyword: string, text: string, variables: Readonly<Texts>): string[] {
  if (keyword === 'RUN') return [text];
  if (keyword === 'HEALTHCHECK') return execForm(keyword, text.replace(/^CMD\s+/, ''));
  if (keyword === 'ENTRYPOINT' || keyword === 'CMD' || text.startsWith('[')) {
    return execForm(keyword, text);
  }
  if (/["'*?]/.test(text)) throw new Error(`Dockerfile: ${keyword} with quotes or patterns`);
  return filled(text, variables).split(/\s+/);
}

/** One stage, filled instruction by instruction. */
class Stage implements StageFile {
  readonly name: string;
  readonly base: string;
  readonly steps: Step[] = [];
  readonly env: Texts = {};
  readonly labels: Texts = {};
  /** Of ARG and ENV; a stage sees none of another's. */
  readonly #variables: Texts = {};
  readonly #arguments: (instruction: Instruction) => Texts;

  constructor(name: string, base: string, args: (instruction: Instruction) => Texts) {
    this.name = name;
    this.base = base;
    this.#arguments = args;
  }

  add(instruction: Instruction): void {
    const keyword = instruction.getKeyword().toUpperCase();
    if (keyword === 'ARG') Object.assign(this.#variables, this.#arguments(instruction));
    else if (keyword === 'ENV') {
      Object.assign(this.env, properties(instruction, this.#variables));
      Object.assign(this.#variables, this.env);
    } else if (keyword === 'LABEL') {
      Object.assign(this.labels, properties(instruction, this.#variables));
    } else if (KEYWORDS.has(keyword)) {
      const variables = { ...this.#variables };
      const words = wordsOf(keyword, instruction.getArgumentsContent() ?? '', variables);
      this.steps.push({ keyword, flags: flagsOf(instruction), words, variables });
    } else throw new Error(`Dockerfile: ${keyword} is not carried out by this runner`);
  }
}

/** The stages in their order, the last one being the image. */
export function parseDockerfile(text: string, buildArgs: Readonly<Texts> = {}): StageFile[] {
  const stages: Stage[] = [];
  const globals: Texts = {};
  const args = (instruction: Instruction): Texts => {
    const defaults = properties(instruction, globals);
    const given = Object.entries(buildArgs).filter(([name]) => name in defaults);
    return { ...defaults, ...Object.fromEntries(given) };
  };
  for (const instruction of DockerfileParser.parse(text).getInstructions()) {
    const keyword = instruction.getKeyword().toUpperCase();
    if (keyword === 'FROM') {
      const content = filled(instruction.getArgumentsContent() ?? '', globals);
      const [base, , name] = content.split(/\s+/);
      stages.push(new Stage(name ?? String(stages.length), base!, args));
    } else if (stages.length > 0) stages.at(-1)!.add(instruction);
    else if (keyword === 'ARG') Object.assign(globals, args(instruction));
    else throw new Error(`Dockerfile: ${keyword} before FROM`);
  }
  return stages;
}
