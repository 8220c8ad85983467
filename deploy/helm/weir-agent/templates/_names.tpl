{{- define "weir-agent.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{- define "weir-agent.serviceAccountName" -}}
{{- default (include "weir-agent.fullname" .) .Values.serviceAccount.name -}}
{{- end }}

{{- define "weir-agent.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "weir-agent.labels" -}}
{{ include "weir-agent.selectorLabels" . }}
app.kubernetes.io/component: agent
app.kubernetes.io/part-of: weir
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "weir-agent.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end }}

{{/* What the agent does with the operator's resources, with events and, where
asked for, with Secrets and ConfigMaps, in every namespace it works in. */}}
{{- define "weir-agent.rules" -}}
- apiGroups: [flink.apache.org]
  resources: [flinkdeployments, flinksessionjobs, flinkstatesnapshots]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [events]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list]
{{- if .Values.rbac.secrets }}
- apiGroups: [""]
  resources: [secrets, configmaps]
  verbs: [get, list, watch, create, patch, delete]
{{- end }}
{{- end }}

{{/* Which namespaces there are. Their names, not what is in them. */}}
{{- define "weir-agent.namespaceRules" -}}
- apiGroups: [""]
  resources: [namespaces]
  verbs: [get, list, watch]
{{- end }}
