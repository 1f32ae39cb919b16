// Limits at values that a test reaches quickly; they are what they were when the test has finished.
import { onTestFinished } from 'vitest';

type Values<Group> = { readonly [Name in keyof Group]?: number };

export function limit<Group extends object>(group: Group, values: Values<Group>): void {
  const own = Object.fromEntries(
    Object.keys(values).map((name) => [name, group[name as keyof Group]]),
  );
  Object.assign(group, values);
  onTestFinished(() => void Object.assign(group, own));
}
