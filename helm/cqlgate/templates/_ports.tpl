{{- /* Ports of the cluster's nodes, of issuers and other https addresses, of the collector: a JSON list each. */ -}}
{{- define "cqlgate.cassandraPorts" -}}
{{- $ports := list -}}
{{- range dig "cluster" "contactPoints" list .Values.config }}{{ $ports = append $ports (regexFind "[0-9]+$" . | int) }}{{ end -}}
{{- $ports | uniq | toJson -}}
{{- end -}}

{{- define "cqlgate.httpsPorts" -}}
{{- $urls := list (dig "vault" "address" "" .Values.config) (dig "bitbucket" "apiUrl" "" .Values.config) -}}
{{- range .Values.config.issuers }}{{ $urls = concat $urls (list (.issuer | default "") (.jwksUri | default "")) }}{{ end -}}
{{- $ports := list 443 -}}
{{- range $urls }}{{ with regexFind "^https?://[^/]*:[0-9]+" . }}{{ $ports = append $ports (regexFind "[0-9]+$" . | int) }}{{ end }}{{ end -}}
{{- $ports | uniq | toJson -}}
{{- end -}}

{{- define "cqlgate.otlpPorts" -}}
{{- $own := regexFind "^https?://[^/]*:[0-9]+" .Values.otlpEndpoint -}}
{{- $default := ternary 443 80 (hasPrefix "https:" .Values.otlpEndpoint) -}}
{{- list (regexFind "[0-9]+$" $own | default $default | int) | toJson -}}
{{- end -}}

{{- /* One rule of egress: (list peers ports). Without peers: to anywhere. */ -}}
{{- define "cqlgate.egress" -}}
- ports:
    {{- range index . 1 }}
    - { protocol: TCP, port: {{ . }} }
    {{- end }}
  {{- with index . 0 }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
