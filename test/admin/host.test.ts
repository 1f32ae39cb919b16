// The names by which the admin port is called.
import { describe, expect, it } from 'vitest';
import { calledBy, hostName, HostNames, isOpenTo } from '../../src/admin/host.ts';

describe('the name in an authority', () => {
  it.each([
    ['Gate.Example.COM:9180', 'gate.example.com'],
    ['gate.example.com.', 'gate.example.com'],
    ['gate.example.com.:80', 'gate.example.com'],
    ['10.1.2.3:9180', '10.1.2.3'],
    ['[::1]:9180', '::1'],
    ['[FD00::5]', 'fd00::5'],
    ['fd00::5', 'fd00::5'],
    ['[::ffff:10.0.0.1]:80', '::ffff:10.0.0.1'],
    ['[gate.example.com]', null],
    ['user@gate.example.com', null],
    ['gate.example.com:80:80', null],
    ['gate.example.com:80@evil', null],
    ['evil.example.com#.gate.example.com', null],
    ['evil.example.com/gate.example.com', null],
    ['evil.example.com gate.example.com', null],
    ['evil.example.com\\gate.example.com', null],
    ['.', null],
    [':80', null],
    ['', null],
  ])('%j is %j', (authority, name) => {
    expect(hostName(authority)).toBe(name);
  });
});

describe('the names of a request', () => {
  it('are those of each Host header and of a whole URL', () => {
    expect(calledBy(['Host', 'a', 'host', 'b:1'], 'http://c:2/metrics')).toEqual(['a', 'b', 'c']);
    expect(calledBy([], '/metrics')).toEqual([]);
    expect(calledBy(['Host', ''], '/metrics')).toEqual([]);
    expect(calledBy(['Host', 'a'], 'ftp://b/')).toEqual(['a', null]);
    expect(calledBy(['X-Host', 'evil'], '*')).toEqual([]);
  });
});

describe('what is open', () => {
  const own = new HostNames(['gate.example.com', '*.gates.svc', 'Other.Example.com.', 'fd00::5']);
  it.each([
    [[], true],
    [['10.1.2.3'], true],
    [['::1'], true],
    [['localhost'], true],
    [['gate.example.com'], true],
    [['other.example.com'], true],
    [['gate-0.gates.svc'], true],
    [['a.gate-0.gates.svc'], false],
    [['gates.svc'], false],
    [['.gates.svc'], false],
    [['evil.example.com'], false],
    [['gate.example.com.evil.com'], false],
    [['127.0.0.1.evil.com'], false],
    [['0x7f.1'], false],
    [['2130706433'], false],
    [['localhost.evil.com'], false],
    [['gate.example.com', 'evil.example.com'], false],
    [[null], false],
  ])('is it to %j: %s', (called, open) => {
    expect(isOpenTo(called, own)).toBe(open);
  });
});
