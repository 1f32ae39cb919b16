// Streams for a command that a test runs in its own process: what is read from them, and what was written.
import { Readable, Writable } from 'node:stream';
import type { CommandDefinition, Terminal } from '../../src/commands/command.ts';

export interface Ran {
  readonly exitCode: number;
  readonly output: string;
  readonly messages: string;
}

class Text extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

/** Runs a command as the command line does. */
export async function runCommand<Options, Argument>(
  command: CommandDefinition<Options, Argument>,
  options: Options,
  argument: Argument,
  input = '',
): Promise<Ran> {
  const [output, messages] = [new Text(), new Text()];
  const terminal: Terminal = { input: Readable.from([Buffer.from(input)]), output, messages };
  const exitCode = await command.run(options, terminal, argument);
  return { exitCode, output: output.text, messages: messages.text };
}
