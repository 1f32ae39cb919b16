// Whether the environment asks for OpenTelemetry. This file imports nothing: without exporters the SDK is never loaded.

const SIGNALS = ['TRACES', 'METRICS', 'LOGS'] as const;

/**
 * True where `OTEL_*` names an endpoint or an exporter. (The SDK's own default, an exporter to
 * localhost when nothing is said, would make every gate without a collector log failures.)
 */
export function isTelemetryEnabled(env: NodeJS.ProcessEnv): boolean {
  if (env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true') return false;
  if (env['OTEL_EXPORTER_OTLP_ENDPOINT'] !== undefined) return true;
  return SIGNALS.some((signal) => {
    const exporter = env[`OTEL_${signal}_EXPORTER`];
    const named = exporter !== undefined && exporter !== '' && exporter !== 'none';
    return named || env[`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`] !== undefined;
  });
}
