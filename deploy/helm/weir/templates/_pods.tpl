{{/* What the pods of both parts have in common. Called with (list $ part). */}}
{{- define "weir.podMetadata" -}}
{{- $ := index . 0 -}}
labels:
  {{- include "weir.selectorLabels" . | nindent 2 }}
  {{- with $.Values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with $.Values.podAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "weir.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "weir.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "weir.podPlacement" -}}
serviceAccountName: {{ include "weir.serviceAccountName" . }}
automountServiceAccountToken: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The flags of the limits that are set. */}}
{{- define "weir.callerLimits" -}}
{{- $flags := dict
  "requestsPerSecond" "requests-per-second" "requestsInFlight" "requests-in-flight"
  "requestBytesPerSecond" "request-bytes-per-second" "watches" "watches"
  "webUIRequests" "web-ui-requests" "failuresPerSecond" "failures-per-second" -}}
{{- range $name, $value := .Values.limits.caller }}
- --limit-{{ get $flags $name }}={{ int64 $value }}
{{- end }}
{{- end }}

{{- define "weir.connectionLimits" -}}
{{- range $name, $value := .Values.limits.connections }}
- --limit-connections{{ ternary "" "-per-address" (eq $name "total") }}={{ int64 $value }}
{{- end }}
{{- end }}
