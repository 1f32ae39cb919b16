{{- define "cqlgate.name" -}}
{{- $name := .Values.fullnameOverride -}}
{{- if not $name -}}
{{- $name = ternary .Release.Name (printf "%s-cqlgate" .Release.Name) (contains "cqlgate" .Release.Name) -}}
{{- end -}}
{{- /* Room for the longest suffix within a DNS label. */ -}}
{{- $name | trunc 48 | trimSuffix "-" -}}
{{- end -}}

{{- define "cqlgate.instance" -}}
app.kubernetes.io/name: cqlgate
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "cqlgate.gates" -}}
{{ include "cqlgate.instance" . }}
app.kubernetes.io/component: gate
{{- end -}}

{{- define "cqlgate.labels" -}}
{{ include "cqlgate.instance" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "cqlgate.image" -}}
{{- $repository := required "image.repository: build the image by the Dockerfile, push it to your registry and name it here" (.Values.image.repository | default nil) -}}
{{- if .Values.image.digest -}}
{{ $repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ $repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "cqlgate.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (ternary (include "cqlgate.name" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}
