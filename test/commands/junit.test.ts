// JUnit's XML: a suite for each test, counts, and texts that would break out of an attribute.
import { expect, it } from 'vitest';
import { junit } from '../../src/commands/junit.ts';

it('has a suite for each test, with its failures', () => {
  const xml = junit([
    { test: 'one', name: 'permit a', failure: null },
    { test: 'two', name: 'deny b', failure: 'permitted' },
    { test: 'one', name: 'permit c', failure: 'denied' },
  ]);
  expect(xml).toBe(
    [
      '<?xml version="1.0" encoding="UTF-8"?>',
      '<testsuites name="cqlgate policy test" tests="3" failures="2">',
      '  <testsuite name="one" tests="2" failures="1">',
      '    <testcase classname="one" name="permit a"/>',
      '    <testcase classname="one" name="permit c"><failure message="denied"/></testcase>',
      '  </testsuite>',
      '  <testsuite name="two" tests="1" failures="1">',
      '    <testcase classname="two" name="deny b"><failure message="permitted"/></testcase>',
      '  </testsuite>',
      '</testsuites>',
      '',
    ].join('\n'),
  );
});

it('escapes what XML would read, and replaces what XML cannot hold', () => {
  const xml = junit([{ test: '<a>&"', name: 'a\nb\u0000\ud800', failure: null }]);
  expect(xml).toContain('name="&lt;a&gt;&amp;&quot;"');
  expect(xml).toContain('name="a&#10;b\ufffd\ufffd"');
});
