// Connections and pools that are nothing but what the choice among them depends on: no sockets.
import { encodeFrame, Frame } from '../../src/protocol/frame.ts';
import { ResultKind } from '../../src/protocol/messages/result.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { ConnectionKeyspace } from '../../src/upstream/connection-keyspace.ts';
import { ClusterNode } from '../../src/upstream/node.ts';
import {
  pickConnection,
  switchableConnection,
  type ChoosableConnection,
} from '../../src/upstream/pool-choice.ts';
import type { ChoosablePool } from '../../src/upstream/route-choice.ts';

export function setKeyspaceFrame(keyspace: string): Frame {
  const body = new Writer().writeInt(ResultKind.SET_KEYSPACE).writeString(keyspace).toBuffer();
  const bytes = encodeFrame({ version: 4, opcode: Opcode.RESULT, streamId: 1, body });
  return new Frame(bytes, 0, bytes.length);
}

export class FakeConnection implements ChoosableConnection {
  hasRoom = true;
  hasMuchRoom = true;
  load = 0;
  isReady = true;
  isSuspect = false;
  isGathering = false;
  isLaden = false;
  readonly keyspaceState = new ConnectionKeyspace(() => undefined);

  constructor(keyspace: string | null = null, load = 0) {
    this.load = load;
    if (keyspace === null) return;
    this.keyspaceState.switchTo(keyspace);
    this.keyspaceState.useAnswered(setKeyspaceFrame(keyspace));
  }

  /** So many requests in flight read its keyspace. */
  readBy(count: number): this {
    for (let i = 0; i < count; i++) this.keyspaceState.readerStarted();
    return this;
  }
}

export function nodeNamed(host: string, releaseVersion = '5.0.9'): ClusterNode {
  const native = { host, port: 9042 };
  return new ClusterNode(
    {
      hostId: host,
      native,
      addresses: [],
      datacenter: 'dc1',
      rack: 'r1',
      releaseVersion,
      tokens: [],
    },
    native,
  );
}

export class FakePool implements ChoosablePool<FakeConnection> {
  readonly node: ClusterNode;
  readonly connections: FakeConnection[];
  tier = 0;
  bare: FakeConnection | null = null;

  constructor(node: ClusterNode, ...connections: FakeConnection[]) {
    this.node = node;
    this.connections = connections;
  }

  get ready(): number {
    return this.connections.length;
  }

  pick(keyspace: string | null, givesWay: boolean, naming: boolean): FakeConnection | null {
    const isBound = keyspace !== null && !(naming && this.node.takesRequestKeyspace);
    return pickConnection(this.connections, keyspace, isBound, givesWay);
  }

  switchable(keyspace: string, givesWay: boolean): FakeConnection | null {
    return switchableConnection(this.connections, keyspace, givesWay);
  }

  owns(connection: FakeConnection): boolean {
    return this.connections.includes(connection);
  }
}

/** What it is reserved for; null where it is not. */
export function reservedFor({ keyspaceState }: Pick<ChoosableConnection, 'keyspaceState'>) {
  return keyspaceState.state === 'reserved' ? keyspaceState.target : null;
}

/** What it is being set to; null where it is not. */
export function switchingTo({ keyspaceState }: Pick<ChoosableConnection, 'keyspaceState'>) {
  return keyspaceState.state === 'switching' ? keyspaceState.target : null;
}
