// Starting a gate: it is built and then run, and what was built is closed where running it fails.
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { buildGate, type GateParts } from '../../src/commands/build-gate.ts';
import { runGate } from '../../src/commands/run-gate.ts';
import { startGate } from '../../src/commands/start-gate.ts';
import { closeGate, drainGate, sealGate } from '../../src/commands/stop-gate.ts';
import type { LoadedConfig } from '../../src/config/load.ts';
import { SINGLE_PROCESS } from '../../src/workers/worker-group.ts';
import { LogLines } from '../support/log-lines.ts';

vi.mock('../../src/commands/build-gate.ts');
vi.mock('../../src/commands/run-gate.ts');
vi.mock('../../src/commands/stop-gate.ts');

const loaded = { limits: { drainTimeoutMs: 7 } } as LoadedConfig;
const log = new LogLines();
const parts = { loaded } as GateParts;

beforeEach(() => {
  vi.resetAllMocks();
  vi.mocked(buildGate).mockResolvedValue(parts);
});

describe('a gate', () => {
  it('is built for its workers, run, and stopped by what it hands out', async () => {
    vi.mocked(runGate).mockResolvedValue(9042);
    const gate = await startGate(loaded, log);
    expect(vi.mocked(buildGate).mock.calls).toEqual([[loaded, log, SINGLE_PROCESS]]);
    expect(vi.mocked(runGate).mock.calls).toEqual([[parts, SINGLE_PROCESS]]);
    expect([gate.port, gate.drainTimeoutMs]).toEqual([9042, 7]);
    await gate.drain(5);
    await gate.seal();
    await gate.close();
    expect(vi.mocked(drainGate).mock.calls).toEqual([[parts, 5]]);
    expect(vi.mocked(sealGate).mock.calls).toEqual([[parts]]);
    expect(vi.mocked(closeGate).mock.calls).toEqual([[parts]]);
  });

  it('that cannot be run is closed, and says why', async () => {
    vi.mocked(runGate).mockRejectedValue(new Error('no node is reached'));
    await expect(startGate(loaded, log)).rejects.toThrow('no node is reached');
    expect(vi.mocked(closeGate).mock.calls).toEqual([[parts]]);
  });

  it('that cannot be built has nothing to close', async () => {
    vi.mocked(buildGate).mockRejectedValue(new Error('no policy'));
    await expect(startGate(loaded, log)).rejects.toThrow('no policy');
    expect(closeGate).not.toHaveBeenCalled();
  });
});
