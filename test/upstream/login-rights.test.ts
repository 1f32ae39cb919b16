// What the rights of the gate's own logins mean for masks: what is not known gives out nothing that one hides.
import { beforeEach, describe, expect, it } from 'vitest';
import { LoginRights, type Rights } from '../../src/upstream/login-rights.ts';
import type { Login } from '../../src/upstream/credentials.ts';

const login = (name: string): Login => ({ name, open: false, username: name, password: '' });

let told: string[];
let rights: LoginRights;

beforeEach(() => {
  told = [];
  rights = new LoginRights({ superuser: (name) => told.push(name) });
});

const hold = (unmasked: Rights['unmasked'], isSuperuser = false, name = 'ci'): void =>
  rights.set(login(name), { isSuperuser, unmasked });
const sees = (): string =>
  ['shop.people', 'shop.orders', 'other.people']
    .filter((place) => rights.unmasks('ci', ...(place.split('.') as [string, string])))
    .join(' ');

describe('a login sees through masks', () => {
  it.each<[string, Rights['unmasked'], string]>([
    ['nowhere, without a right', [], ''],
    ['of one table', [{ keyspace: 'shop', table: 'people' }], 'shop.people'],
    ['of a keyspace', [{ keyspace: 'shop', table: null }], 'shop.people shop.orders'],
    ['everywhere', [{ keyspace: null, table: null }], 'shop.people shop.orders other.people'],
    [
      'perhaps anywhere, by a right that is not understood',
      [null],
      'shop.people shop.orders other.people',
    ],
    [
      'of several places',
      [
        { keyspace: 'other', table: null },
        { keyspace: 'shop', table: 'orders' },
      ],
      'shop.orders other.people',
    ],
  ])('%s', (_what, unmasked, expected) => {
    hold(unmasked);
    expect(sees()).toBe(expected);
  });

  it('everywhere where it is a superuser', () => {
    hold([], true);
    expect(sees()).toBe('shop.people shop.orders other.people');
  });

  it('perhaps everywhere while nothing is known of it, or no longer', () => {
    expect(sees()).toBe('shop.people shop.orders other.people');
    hold([]);
    expect(sees()).toBe('');
    rights.set(login('ci'), null);
    expect(sees()).toBe('shop.people shop.orders other.people');
  });

  it('by its own rights alone', () => {
    hold([{ keyspace: null, table: null }], false, 'other');
    hold([]);
    expect(sees()).toBe('');
  });
});

describe('a superuser among the logins', () => {
  it('is told once, and each of them', () => {
    hold([], true);
    hold([], true);
    hold([]);
    hold([], true);
    hold([], true, 'admin');
    expect(told).toEqual(['ci', 'admin']);
  });

  it('is not told of a login that is none', () => {
    hold([{ keyspace: null, table: null }]);
    rights.set(login('ci'), null);
    expect(told).toEqual([]);
  });
});
