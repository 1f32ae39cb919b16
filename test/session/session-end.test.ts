// How a session ends: with which last answer, at what time, and what is kept of it.
import net from 'node:net';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { SessionEnd, type EndingSession } from '../../src/session/session-end.ts';

const LAST = Buffer.from('last');

let session: EndingSession;
let done: string[];
let inFlight: { count: number };
let end: SessionEnd;

beforeEach(() => {
  session = { isOver: false, isClosed: false };
  done = [];
  inFlight = { count: 0 };
  const note = (what: string) => (): unknown => done.push(what);
  const socket = new net.Socket();
  vi.spyOn(socket, 'destroy').mockImplementation(() => {
    done.push('destroy');
    return socket;
  });
  vi.spyOn(socket, 'resume').mockImplementation(() => {
    done.push('resume');
    return socket;
  });
  end = new SessionEnd(session, {
    socket,
    account: { closed: note('account closed'), setInput: (bytes) => done.push(`input ${bytes}`) },
    inbox: { clear: note('inbox cleared') },
    outbox: {
      clear: note('outbox cleared'),
      end: note('outbox ended'),
      push: (frame) => done.push(`push ${frame.toString()}`),
    },
    inFlight,
  });
});

const FINISHED = ['inbox cleared', 'input 0', 'push last', 'outbox ended', 'resume'];

describe('a session that ends once its requests are answered', () => {
  it('ends at once where nothing is in flight, with its last answer', () => {
    end.afterFlight(LAST, 'policy');
    expect(done).toEqual(FINISHED);
    expect(session).toEqual({ isOver: true, isClosed: false });
    expect(end.reason).toBe('policy');
  });

  it('reads nothing more, and says its last words after the last answer', () => {
    inFlight.count = 1;
    end.afterFlight(LAST, 'policy');
    expect(session.isOver).toBe(true);
    expect(done).toEqual([]);
    end.allAnswered();
    expect(done).toEqual(FINISHED);
  });

  it('keeps its first reason and its first answer', () => {
    inFlight.count = 1;
    end.afterFlight(LAST, 'policy');
    end.afterFlight(Buffer.from('other'), 'other');
    end.now(Buffer.from('other'), 'other');
    end.allAnswered();
    expect(done).toEqual(FINISHED);
    expect(end.reason).toBe('policy');
  });
});

describe('a session that ends now', () => {
  it('waits for no answer, and says its last words once', () => {
    inFlight.count = 1;
    end.now(LAST, 'protocol error');
    expect(done).toEqual(FINISHED);
    end.allAnswered();
    expect(done.filter((what) => what === 'push last')).toHaveLength(1);
  });

  it('may end without an answer', () => {
    end.now(null, 'shutdown');
    expect(done).toEqual(FINISHED.filter((what) => what !== 'push last'));
  });

  it('is cut off with the reason of that, also where it was ending', () => {
    end.now(null, 'shutdown');
    done.length = 0;
    end.cutOff('internal');
    expect(done).toEqual(['destroy']);
    expect(end.reason).toBe('internal');
  });
});

describe('a session whose socket closed', () => {
  it('keeps nothing, and is told apart from one that closed before', () => {
    expect(end.closed()).toBe(true);
    expect(session).toEqual({ isOver: true, isClosed: true });
    expect(done).toEqual(['inbox cleared', 'outbox cleared', 'account closed']);
    expect(end.closed()).toBe(false);
    expect(end.reason).toBe('client closed');
  });

  it('ends no other time, and pushes nothing after that', () => {
    inFlight.count = 1;
    end.afterFlight(LAST, 'policy');
    end.closed();
    done.length = 0;
    end.allAnswered();
    end.now(LAST, 'other');
    expect(done).toEqual([]);
  });
});

describe('a session whose end nobody decided', () => {
  it('goes on while requests are answered and no end was decided', () => {
    end.allAnswered();
    expect(done).toEqual([]);
    expect(session.isOver).toBe(false);
  });
});
