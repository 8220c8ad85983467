// Package podsecurity holds the specifications of Flink clusters to the Pod Security
// Standards of Kubernetes. A Flink cluster brings pod templates and options of its
// own, with which its owner could otherwise reach the nodes of the cluster.
//
// The control plane checks specifications when they are changed, and the agent
// checks what it is told to apply, so that a cluster is protected from a control
// plane as well.
package podsecurity

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	kjson "sigs.k8s.io/json"

	"github.com/openweir/weir/flink"
	"github.com/openweir/weir/flink/validation"
	"github.com/openweir/weir/openjson"
)

// Level is a level of the Pod Security Standards.
type Level string

// The levels that can be enforced. The level restricted is not among them: it asks
// for fields that Flink's own containers get only from an admission plugin.
const (
	// Privileged allows everything.
	Privileged Level = "privileged"
	// Baseline forbids what gives a pod access to its node.
	Baseline Level = "baseline"
)

// Label is the label of an environment that sets the level for its Flink clusters,
// as that of a namespace does in Kubernetes.
const Label = api.EnforceLevelLabel

// ParseLevel returns the level of a name. The name "" stands for Baseline.
func ParseLevel(name string) (Level, error) {
	switch level := Level(name); level {
	case "":
		return Baseline, nil
	case Privileged, Baseline:
		return level, nil
	}
	return "", fmt.Errorf("must be %q or %q, got %q", Privileged, Baseline, name)
}

// systemNamespaces are those of Kubernetes itself.
var systemNamespaces = []string{"kube-system", "kube-public", "kube-node-lease"}

// IsSystemNamespace is true for the namespaces of Kubernetes itself, in which no
// Flink cluster may run.
func IsSystemNamespace(name string) bool { return slices.Contains(systemNamespaces, name) }

// templates are the fields with pod templates.
var templates = [][]string{{"podTemplate"}, {"jobManager", "podTemplate"}, {"taskManager", "podTemplate"}}

// Check returns what the level forbids in the specification of a FlinkDeployment.
func Check(level Level, spec openjson.Object) []validation.Problem {
	if level == Privileged {
		return nil
	}
	var problems []validation.Problem
	for _, path := range templates {
		if template := openjson.Field(spec, path...); template != nil {
			problems = append(problems, checkTemplate("spec."+strings.Join(path, "."), template)...)
		}
	}
	return append(problems, CheckOptions("spec."+flink.FieldConfiguration, flink.Options(spec))...)
}

// CheckOptions returns what the level baseline forbids in the Flink configuration
// in a field.
func CheckOptions(field string, options map[string]string) []validation.Problem {
	var problems []validation.Problem
	refuse := func(name, rule string) {
		problems = append(problems, validation.Problem{Field: field, Rule: fmt.Sprintf("must not set %q%s", name, rule)})
	}
	if value := options["kubernetes.hostnetwork.enabled"]; strings.EqualFold(strings.TrimSpace(value), "true") {
		refuse("kubernetes.hostnetwork.enabled", violates("hostNetwork"))
	}
	for _, name := range operatorFiles {
		if _, set := options[name]; set {
			refuse(name, ", which names a file of the operator's pod; use spec.podTemplate")
		}
	}
	for _, name := range serviceAccounts {
		if _, set := options[name]; set {
			refuse(name, ", which would replace the service account of the cluster; use spec.serviceAccount")
		}
	}
	return problems
}

// Options that name a file which the operator reads, and those that replace the
// service account of the specification.
var (
	operatorFiles = []string{
		"kubernetes.pod-template-file", "kubernetes.pod-template-file.default", "kubernetes.pod-template-file.jobmanager",
		"kubernetes.pod-template-file.taskmanager", "kubernetes.config.file", "kubernetes.context",
	}
	serviceAccounts = []string{"kubernetes.service-account", "kubernetes.jobmanager.service-account", "kubernetes.taskmanager.service-account"}
)

func violates(what string) string {
	return fmt.Sprintf(" (%s), which violates the Pod Security Standard %q", what, Baseline)
}

// evaluator is Kubernetes' own.
var evaluator = newEvaluator()

func newEvaluator() policy.Evaluator {
	e, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		panic(fmt.Sprintf("the checks of the Pod Security Standards are not valid: %v", err)) // they are constants
	}
	return e
}

func checkTemplate(field string, template any) []validation.Problem {
	text, err := json.Marshal(template)
	if err != nil {
		return []validation.Problem{{Field: field, Rule: fmt.Sprintf("cannot be encoded: %v", err)}}
	}
	var pod corev1.PodTemplateSpec
	// Names of fields are case-sensitive, as in Kubernetes.
	if err := kjson.UnmarshalCaseSensitivePreserveInts(text, &pod); err != nil {
		return []validation.Problem{{Field: field, Rule: fmt.Sprintf("is not a valid pod template: %v", err)}}
	}
	var problems []validation.Problem
	for _, result := range evaluator.EvaluatePod(api.LevelVersion{Level: api.LevelBaseline, Version: api.LatestVersion()}, &pod.ObjectMeta, &pod.Spec) {
		if !result.Allowed {
			problems = append(problems, validation.Problem{
				Field: field,
				Rule:  fmt.Sprintf("violates the Pod Security Standard %q: %s: %s", Baseline, result.ForbiddenReason, result.ForbiddenDetail),
			})
		}
	}
	return problems
}
