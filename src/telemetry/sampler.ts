// The sampler of the environment, but for what must be recorded whatever it says: denials, schema
// and role statements, logins.
import { createContextKey, type Context } from '@opentelemetry/api';
import { tracing } from '@opentelemetry/sdk-node';

const ALWAYS = createContextKey('cqlgate: recorded whatever the sampler says');

export function always(context: Context): Context {
  return context.setValue(ALWAYS, true);
}

const {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  SamplingDecision,
  TraceIdRatioBasedSampler,
} = tracing;

type MakeSampler = (ratio: number) => tracing.Sampler;

const DEFAULT: MakeSampler = () => new ParentBasedSampler({ root: new AlwaysOnSampler() });

const SAMPLERS: ReadonlyMap<string, MakeSampler> = new Map<string, MakeSampler>([
  ['always_on', () => new AlwaysOnSampler()],
  ['always_off', () => new AlwaysOffSampler()],
  ['traceidratio', (ratio) => new TraceIdRatioBasedSampler(ratio)],
  ['parentbased_always_on', DEFAULT],
  ['parentbased_always_off', () => new ParentBasedSampler({ root: new AlwaysOffSampler() })],
  [
    'parentbased_traceidratio',
    (ratio) => new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) }),
  ],
]);

/** As `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG` say; the SDK's default where they don't. */
export function samplerOf(env: NodeJS.ProcessEnv): tracing.Sampler {
  const name = env['OTEL_TRACES_SAMPLER'] ?? '';
  const ratio = Number(env['OTEL_TRACES_SAMPLER_ARG'] ?? 1);
  const make = SAMPLERS.get(name) ?? DEFAULT;
  const chosen = make(ratio >= 0 && ratio <= 1 ? ratio : 1);
  return {
    shouldSample: (context, ...rest) =>
      context.getValue(ALWAYS) === true
        ? { decision: SamplingDecision.RECORD_AND_SAMPLED }
        : chosen.shouldSample(context, ...rest),
    toString: () => `cqlgate{${chosen.toString()}}`,
  };
}
