// The reader of Dockerfiles: a step that it does not understand must not pass for one carried out.
import { describe, expect, it } from 'vitest';
import { parseDockerfile } from './dockerfile.ts';

const FROM = 'FROM scratch\n';

describe('a Dockerfile', () => {
  it('is stages with their variables filled in, none of which another stage sees', () => {
    const text = [
      'ARG MAJOR=24',
      'FROM node:${MAJOR} AS build',
      'ARG WHO=me',
      'ENV HOME_OF=/home/$WHO',
      'COPY --chown=1:2 a b ./',
      'RUN echo "$WHO" \\',
      '  && true',
      'FROM scratch',
      'LABEL made="by ${BY}"',
    ];
    const wrong = text.join('\n');
    expect(() => parseDockerfile(wrong)).toThrow('${BY} is not known here');
    const [build, last] = parseDockerfile(wrong.replace('LABEL', 'ARG BY=us\nLABEL'), {
      MAJOR: '22',
      BY: 'them',
    });
    expect(build).toMatchObject({ name: 'build', base: 'node:22', env: { HOME_OF: '/home/me' } });
    expect(build!.steps).toMatchObject([
      { keyword: 'COPY', flags: { chown: '1:2' }, words: ['a', 'b', './'] },
      { keyword: 'RUN', variables: { WHO: 'me' } },
    ]);
    expect(last).toMatchObject({ name: '1', labels: { made: 'by them' } });
  });

  it.each([
    ['an entry point that needs a shell', 'ENTRYPOINT node main.js', 'not in exec form'],
    ['a health check that needs a shell', 'HEALTHCHECK CMD curl localhost', 'not in exec form'],
    ['an instruction that is not carried out', 'ADD a b', 'ADD is not carried out'],
    ['patterns', 'COPY *.json ./', 'quotes or patterns'],
    ['a variable with a default', 'USER ${ID:-1}', 'is not known here'],
  ])('with %s is refused', (_name, line, reason) => {
    expect(() => parseDockerfile(FROM + line)).toThrow(reason);
  });
});
