// A ledger that keeps what it is given, with as much room as a test says.
import type { AuditEntry, AuditLog } from '../../src/audit/record.ts';
import { Room } from '../../src/audit/room.ts';

export class Written implements AuditLog {
  readonly entries: AuditEntry[] = [];
  readonly writable = true;
  readonly room: Room;
  constructor(maxBytes = Infinity) {
    this.room = new Room(maxBytes, () => true);
  }
  async durable(): Promise<boolean> {
    return Promise.resolve(true);
  }
  append(entry: AuditEntry): string {
    this.entries.push(entry);
    return 'id';
  }
  async appendDurably(entry: AuditEntry): Promise<string> {
    return Promise.resolve(this.append(entry));
  }
}
