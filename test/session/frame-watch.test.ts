// Which frames come too slowly: time in which the gate did not read is not counted.
import { describe, expect, it } from 'vitest';
import { FrameWatch, type FrameState } from '../../src/session/frame-watch.ts';
import { monotonic } from '../support/moments.ts';

const KIB = 1024;
const IDLE: FrameState = {
  isMidFrame: false,
  framesRead: 0,
  bytesRead: 0,
  isPaused: false,
  isAboveShare: false,
};

/** The second at which it is found too slow, looked at four times a second. */
function endOf(stateAt: (ms: number) => Partial<FrameState>, seconds = 120): number | null {
  const watch = new FrameWatch();
  for (let ms = 0; ms <= seconds * 1000; ms += 250) {
    if (!watch.look(monotonic(ms), { ...IDLE, ...stateAt(ms) })) return Math.ceil(ms / 1000);
  }
  return null;
}

describe('a frame that is not whole', () => {
  it('ends its session when nothing more of it comes', () => {
    expect(endOf(() => ({ isMidFrame: true, bytesRead: 9 }))).toBe(11);
  });

  it('ends it when it comes byte by byte', () => {
    expect(endOf((ms) => ({ isMidFrame: true, bytesRead: Math.ceil(ms / 1000) }))).toBe(11);
  });

  it('may take long where it comes fast enough', () => {
    expect(
      endOf((ms) => ({ isMidFrame: true, bytesRead: 20 * KIB * (ms / 1000) }), 900),
    ).toBeNull();
  });

  it('is no fault of its client while the gate does not read', () => {
    const paused = (ms: number) => ({
      isMidFrame: true,
      bytesRead: 9,
      isPaused: ms > 5_000 && ms < 100_000,
    });
    expect(endOf(paused)).toBe(106);
  });

  it('is told from the next one, and from none', () => {
    expect(
      endOf((ms) => ({ isMidFrame: true, framesRead: Math.floor(ms / 5_000), bytesRead: ms })),
    ).toBeNull();
    expect(endOf(() => ({}))).toBeNull();
  });

  it('gets no loan on earlier speed above its share', () => {
    const burst = (isAboveShare: boolean) => (ms: number) => ({
      isMidFrame: true,
      bytesRead: ms < 1_000 ? 9 : 15_000 * KIB,
      isAboveShare,
    });
    expect(endOf(burst(true))).toBe(11);
    expect(endOf(burst(false))).toBe(61);
  });
});
