package scenario

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/openweir/weir/integration/weir"
)

// valid is a specification that both Weir and the operator accept.
const valid = `
image: flink:1.20
flinkVersion: v1_20
serviceAccount: flink
flinkConfiguration:
  taskmanager.numberOfTaskSlots: 2
  execution.checkpointing.dir: s3://flink/checkpoints
  execution.checkpointing.savepoint-dir: s3://flink/savepoints
  high-availability.type: kubernetes
jobManager: {resource: {memory: 1024m, cpu: 1}}
taskManager: {resource: {memory: 1024m, cpu: 1}}
job: {jarURI: "local:///opt/flink/job.jar", parallelism: 1, state: running, upgradeMode: savepoint}
`

// refusals are the rules of the operator's validator, each broken once: the
// operator refuses what each case makes of the valid specification.
var refusals = []struct {
	name string
	// change is laid over the valid specification; null takes away.
	change string
	// says is what Weir's refusal says: the field, as a rule. Where the
	// operator's own configuration could make the specification valid, Weir
	// accepts it, and this is in a warning.
	says   string
	warned bool
}{
	{name: "no-version", change: `flinkVersion: null`, says: "spec.flinkVersion: must be set"},
	{name: "version-too-old", change: `flinkVersion: v1_14`, says: "spec.flinkVersion: must be v1_15 or newer"},
	{name: "cluster-id", change: `flinkConfiguration: {kubernetes: {cluster-id: mine}}`, says: `spec.flinkConfiguration: must not set "kubernetes.cluster-id"`},
	{name: "namespace", change: `flinkConfiguration: {kubernetes.namespace: mine}`, says: `spec.flinkConfiguration: must not set "kubernetes.namespace"`},
	{name: "ha-cluster-id", change: `flinkConfiguration: {high-availability.cluster-id: mine}`, says: `spec.flinkConfiguration: must not set "high-availability.cluster-id"`},
	{name: "rollback-without-ha", change: `flinkConfiguration: {kubernetes.operator.deployment.rollback.enabled: true, high-availability.type: NONE}`,
		says: `spec.flinkConfiguration["kubernetes.operator.deployment.rollback.enabled"]: needs high availability`},
	{name: "rollback-with-nothing", change: `flinkConfiguration: {kubernetes.operator.deployment.rollback.enabled: true, high-availability.type: null}`,
		says: `spec.flinkConfiguration["kubernetes.operator.deployment.rollback.enabled"]: needs high availability`, warned: true},
	{name: "health-check-alone", change: `flinkConfiguration: {kubernetes.operator.cluster.health-check.enabled: true, kubernetes.operator.jm-deployment-recovery.enabled: false}`,
		says: `spec.flinkConfiguration["kubernetes.operator.cluster.health-check.enabled"]`},
	{name: "ingress-without-template", change: `ingress: {className: nginx}`, says: "spec.ingress.template: must be set"},
	{name: "ingress-no-url", change: `ingress: {template: "{{name}}.example.com:http/x"}`, says: `spec.ingress.template: must result in a URL`},
	{name: "logging", change: `logConfiguration: {log4j.properties: ""}`, says: `spec.logConfiguration: must not have the key "log4j.properties"`},
	{name: "no-parallelism", change: `job: {parallelism: 0}`, says: "spec.job.parallelism: must be between 1"},
	{name: "parallelism-unset", change: `job: {parallelism: null}`, says: "spec.job.parallelism: must be at least 1"},
	{name: "no-task-managers", change: `taskManager: {replicas: 0}`, says: "spec.taskManager.replicas: must be between 1"},
	{name: "no-job-managers", change: `jobManager: {replicas: 0}`, says: "spec.jobManager.replicas: must be between 1"},
	{name: "standby-without-ha", change: `{jobManager: {replicas: 2}, flinkConfiguration: {high-availability.type: NONE}}`, says: "spec.jobManager.replicas: needs high availability"},
	{name: "standby-with-nothing", change: `{jobManager: {replicas: 2}, flinkConfiguration: {high-availability.type: null}}`, says: "spec.jobManager.replicas: needs high availability", warned: true},
	{name: "empty-checkpoint-dir", change: `{job: {upgradeMode: last-state}, flinkConfiguration: {execution.checkpointing.dir: ""}}`, says: "spec.job.upgradeMode: needs a directory for checkpoints"},
	{name: "no-checkpoint-dir", change: `{job: {upgradeMode: last-state}, flinkConfiguration: {execution.checkpointing.dir: null}}`, says: "spec.job.upgradeMode: needs a directory for checkpoints", warned: true},
	{name: "empty-savepoint-dir", change: `flinkConfiguration: {execution.checkpointing.savepoint-dir: ""}`, says: "spec.job.upgradeMode: needs a directory for savepoints"},
	{name: "no-savepoint-dir", change: `flinkConfiguration: {execution.checkpointing.savepoint-dir: null}`, says: "spec.job.upgradeMode: needs a directory for savepoints", warned: true},
	{name: "trigger-no-savepoint-dir", change: `{job: {upgradeMode: stateless, savepointTriggerNonce: 1}, flinkConfiguration: {execution.checkpointing.savepoint-dir: ""}}`,
		says: "spec.job.savepointTriggerNonce: needs a directory for savepoints"},
	{name: "periodic-no-savepoint-dir", change: `{job: {upgradeMode: stateless}, flinkConfiguration: {kubernetes.operator.periodic.savepoint.interval: 1h, execution.checkpointing.savepoint-dir: ""}}`,
		says: `spec.flinkConfiguration["kubernetes.operator.periodic.savepoint.interval"]: needs a directory for savepoints`},
	{name: "max-age-no-savepoint-dir", change: `{job: {upgradeMode: last-state}, flinkConfiguration: {kubernetes.operator.job.upgrade.last-state.max.allowed.checkpoint.age: 5m, execution.checkpointing.savepoint-dir: ""}}`,
		says: `spec.flinkConfiguration["kubernetes.operator.job.upgrade.last-state.max.allowed.checkpoint.age"]: needs a directory for savepoints`},
	{name: "no-memory", change: `jobManager: {resource: {memory: null}}`, says: "spec.jobManager.resource.memory: is not set", warned: true},
	{name: "memory-no-quantity", change: `taskManager: {resource: {memory: plenty}}`, says: "spec.taskManager.resource.memory"},
	{name: "storage-no-quantity", change: `taskManager: {resource: {ephemeralStorage: plenty}}`, says: "spec.taskManager.resource.ephemeralStorage"},
	{name: "no-service-account", change: `serviceAccount: null`, says: "spec.serviceAccount: must be set"},
	{name: "autoscaler-range", change: `flinkConfiguration: {job.autoscaler.enabled: true, job.autoscaler.memory.heap-usage.threshold: 2}`,
		says: `spec.flinkConfiguration["job.autoscaler.memory.heap-usage.threshold"]: must be between 0 and 1`},
	{name: "autoscaler-overlap", change: `flinkConfiguration: {job.autoscaler.enabled: true, job.autoscaler.utilization.target: 0.7, job.autoscaler.utilization.max: 0.5}`,
		says: `spec.flinkConfiguration["job.autoscaler.utilization.max"]: must not be below`},
}

// Weir refuses early, and by the name of the field, what the operator would
// refuse late; or warns of it.
func TestWeirAndTheOperatorRejectTheSameSpecifications(t *testing.T) {
	t.Parallel()
	p := startPlane(t)
	refuseTheSame(joinSite(p, west, "default-k8s-cluster"))
}

func refuseTheSame(s *site) {
	s.t.Helper()
	env := s.createEnvironment("test")
	env.postSpec("valid", overlay(s.t, valid, ""), http.StatusCreated)
	env.awaitApplication("valid", "RUNNING")
	if err := s.createDeployment("valid-alone", overlay(s.t, valid, "")); err != nil {
		s.t.Fatal(err)
	}
	s.settled("valid-alone")
	for _, c := range refusals {
		spec := overlay(s.t, valid, c.change)
		if c.warned {
			env.postSpec(c.name, spec, http.StatusCreated)
			env.awaitEvent(c.name, "WARNING", c.says)
			s.refusedByTheOperator(c.name, nil)
			continue
		}
		if message := env.postSpec(c.name, spec, http.StatusUnprocessableEntity); !strings.Contains(message, c.says) {
			s.t.Errorf("%s: Weir says %q, not %q", c.name, message, c.says)
		}
		s.refusedByTheOperator(c.name, s.createDeployment(c.name, spec))
	}
}

// What the operator refuses because of what runs already.
func TestWeirAndTheOperatorRejectTheSameChanges(t *testing.T) {
	t.Parallel()
	p := startPlane(t)
	s := joinSite(p, west, "default-k8s-cluster")
	env := s.createEnvironment("test")
	suspended := `job: {state: suspended, upgradeMode: last-state}`
	for _, c := range []struct{ name, before, then, change, says string }{
		{name: "mode", change: `mode: standalone`, says: "spec.mode: cannot change"},
		{name: "redeploy", change: `job: {savepointRedeployNonce: 1}`, says: "spec.job.savepointRedeployNonce: needs spec.job.initialSavepointPath"},
		{name: "version-of-suspended", before: `job: {upgradeMode: last-state}`, then: suspended,
			change: `{flinkVersion: v1_19, job: {upgradeMode: last-state}}`, says: "spec.flinkVersion: cannot change while the job is suspended"},
	} {
		before := overlay(t, valid, c.before)
		env.postSpec(c.name, before, http.StatusCreated)
		alone := c.name + "-alone"
		if err := s.createDeployment(alone, before); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{c.name, alone} {
			s.settled(name)
		}
		env.awaitApplication(c.name, "RUNNING")
		if c.then != "" {
			env.postSpec(c.name, overlay(t, valid, c.then), http.StatusCreated)
			s.replaceSpec(alone, overlay(t, valid, c.then))
			for _, name := range []string{c.name, alone} {
				s.awaitLifecycle(name, "SUSPENDED")
			}
			env.awaitStatusField(c.name, "lifecycleState", "SUSPENDED")
		}
		after := overlay(t, valid, c.change)
		if message := env.postSpec(c.name, after, http.StatusUnprocessableEntity); !strings.Contains(message, c.says) {
			t.Errorf("%s: Weir says %q, not %q", c.name, message, c.says)
		}
		s.replaceSpec(alone, after)
		s.refusedByTheOperator(alone, nil)
	}
}

// overlay lays YAML over YAML; null takes away.
func overlay(t testing.TB, base, change string) map[string]any {
	t.Helper()
	var under, over map[string]any
	if err := errors.Join(yaml.Unmarshal([]byte(base), &under), yaml.Unmarshal([]byte(change), &over)); err != nil {
		t.Fatal(err)
	}
	return laidOver(under, over)
}

func laidOver(under, over map[string]any) map[string]any {
	for key, value := range over {
		below, _ := under[key].(map[string]any)
		above, isObject := value.(map[string]any)
		switch {
		case value == nil:
			delete(under, key)
		case isObject && below != nil:
			under[key] = laidOver(below, above)
		default:
			under[key] = value
		}
	}
	return under
}

// postSpec posts an application with a specification, which must be answered
// with the status, and returns the messages of a refusal.
func (e *environment) postSpec(name string, spec map[string]any, status int) string {
	e.t.Helper()
	body, err := json.Marshal(map[string]any{
		"apiVersion": "cmf.confluent.io/v1", "kind": "FlinkApplication", "metadata": map[string]any{"name": name}, "spec": spec,
	})
	if err != nil {
		e.t.Fatal(err)
	}
	answer := e.plane.object(http.MethodPost, e.path+"/applications", string(body), status)
	if status < http.StatusBadRequest {
		return ""
	}
	var messages []string
	list, _ := answer.At("errors").([]any)
	for _, failure := range list {
		if failure, isObject := failure.(map[string]any); isObject {
			messages = append(messages, weir.Object(failure).String("message"))
		}
	}
	return strings.Join(messages, "\n")
}

// awaitStatusField waits until a field of an application's status has a value.
func (e *environment) awaitStatusField(name, field, want string) {
	e.t.Helper()
	e.awaitStatus(name, fmt.Sprintf("to have %s %s", field, want), func(app weir.Object) error {
		if got := app.String("status", field); got != want {
			return fmt.Errorf("its status is %v", app.At("status"))
		}
		return nil
	})
}

// createDeployment creates a FlinkDeployment that is none of Weir's, and returns
// the error of the API server's refusal.
func (s *site) createDeployment(name string, spec map[string]any) error {
	s.t.Helper()
	created := deploymentOf(name, spec)
	_, err := s.deployments().Create(s.t.Context(), created, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
	if err != nil && !apierrors.IsInvalid(err) && !apierrors.IsBadRequest(err) {
		s.t.Fatalf("create FlinkDeployment %s: %v", name, err)
	}
	return err
}

func deploymentOf(name string, spec map[string]any) *unstructured.Unstructured {
	text := map[string]any{}
	options, _ := spec["flinkConfiguration"].(map[string]any)
	for option, value := range options {
		if _, nested := value.(map[string]any); nested {
			text[option] = value
		} else {
			text[option] = fmt.Sprint(value)
		}
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "flink.apache.org/v1beta1",
		"kind":       "FlinkDeployment",
		"metadata":   map[string]any{"name": name},
		"spec":       laidOver(integers(spec), map[string]any{"flinkConfiguration": text}),
	}}
}

// integers makes whole numbers ones of Kubernetes' types.
func integers(fields map[string]any) map[string]any {
	out := make(map[string]any, len(fields))
	for name, value := range fields {
		switch value := value.(type) {
		case float64:
			out[name] = int64(value)
		case map[string]any:
			out[name] = integers(value)
		default:
			out[name] = value
		}
	}
	return out
}

// replaceSpec gives a FlinkDeployment another specification.
func (s *site) replaceSpec(name string, spec map[string]any) {
	s.t.Helper()
	s.plane.await("FlinkDeployment "+name+" to take another specification", func(ctx context.Context) error {
		object, err := s.deployments().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		object.Object["spec"] = deploymentOf(name, spec).Object["spec"]
		_, err = s.deployments().Update(ctx, object, metav1.UpdateOptions{})
		return err
	})
}

// refusedByTheOperator waits until the operator refuses a FlinkDeployment, which
// the API server may have done before.
func (s *site) refusedByTheOperator(name string, refusal error) {
	s.t.Helper()
	if refusal != nil {
		return
	}
	s.awaitDeployment(name, "to be refused by the operator", func(object *unstructured.Unstructured) error {
		message, _, _ := unstructured.NestedString(object.Object, "status", "error")
		if !strings.Contains(message, "ValidationException") {
			return fmt.Errorf("its status is %v", object.Object["status"])
		}
		return nil
	})
}

// awaitLifecycle waits until a FlinkDeployment is in a state.
func (s *site) awaitLifecycle(name, want string) {
	s.t.Helper()
	s.awaitDeployment(name, "to be "+want, func(object *unstructured.Unstructured) error {
		if got, _, _ := unstructured.NestedString(object.Object, "status", "lifecycleState"); got != want {
			return fmt.Errorf("it is %s", got)
		}
		return nil
	})
}
