// When the OpenTelemetry SDK is loaded at all.
import { describe, expect, it } from 'vitest';
import { isTelemetryEnabled } from '../../src/telemetry/enabled.ts';

describe('OpenTelemetry', () => {
  it.each([
    [{}, false],
    [{ OTEL_SERVICE_NAME: 'gate' }, false],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }, true],
    [{ OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'http://collector:4318' }, true],
    [{ OTEL_TRACES_EXPORTER: 'console' }, true],
    [{ OTEL_TRACES_EXPORTER: 'none' }, false],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x', OTEL_SDK_DISABLED: 'true' }, false],
  ])('with %j is wanted: %s', (env, wanted) => {
    expect(isTelemetryEnabled(env)).toBe(wanted);
  });
});
