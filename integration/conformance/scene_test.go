package conformance

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/openweir/weir/internal/await"
)

// scene is what one case plays in: resources of its own, known by the variables
// of the contract's paths, such as envName.
type scene struct {
	t      *testing.T
	format format
	vars   map[string]string
}

func newScene(t *testing.T, f format) *scene {
	return &scene{t: t, format: f, vars: map[string]string{}}
}

// names counts names, so that no two are the same.
var names atomic.Int64

func newName() string { return fmt.Sprintf("name-%d", names.Add(1)) }

// fill puts the scene's variables into a text, where they stand in braces. One
// that no step has set gets a name that nothing has.
func (s *scene) fill(text string) string {
	return pathVariable.ReplaceAllStringFunc(text, func(match string) string {
		name := match[1 : len(match)-1]
		if s.vars[name] == "" {
			s.vars[name] = newName()
		}
		return s.vars[name]
	})
}

// step makes a resource, unless it is there already.
type step func(*scene)

// make sends a request that must succeed.
func (s *scene) make(path, body string) answer {
	s.t.Helper()
	a := s.ask("POST", s.fill(path), s.fill(body), "")
	if a.status != 200 && a.status != 201 {
		s.t.Fatalf("%s: answered %d: %s", a.request, a.status, a.body)
	}
	return a
}

// known tells whether a step has been made before.
func (s *scene) known(variable string) bool { return s.vars[variable] != "" }

const (
	api       = "/cmf/api/v1"
	envs      = api + "/environments"
	oneEnv    = envs + "/{envName}"
	apps      = oneEnv + "/applications"
	oneApp    = apps + "/{appName}"
	instances = oneApp + "/instances"
	events    = "/cmf/api/v1alpha1/environments/{envName}/applications/{appName}/events"
	appPoints = oneApp + "/savepoints"
	secrets   = api + "/secrets"
	mappings  = oneEnv + "/secret-mappings"
	catalogs  = api + "/catalogs/kafka"
	databases = catalogs + "/{catName}/databases"
	detacheds = api + "/detached-savepoints"
	clusters  = api + "/kubernetes-clusters"
	pools     = oneEnv + "/compute-pools"
	onePool   = pools + "/{computePoolName}"
)

func environment(s *scene) {
	if !s.known("envName") {
		s.make(envs, `{"name":"{envName}","kubernetesNamespace":"default"}`)
	}
}

// applicationSpec is what the operator takes. The state of the job is left out.
const applicationSpec = `"image":"confluentinc/cp-flink:1.19.1-cp2","flinkVersion":"v1_19","serviceAccount":"flink",` +
	`"flinkConfiguration":{"state.checkpoints.dir":"s3://bucket/checkpoints","state.savepoints.dir":"s3://bucket/savepoints"},` +
	`"jobManager":{"resource":{"memory":"1024m","cpu":1}},"taskManager":{"resource":{"memory":"1024m","cpu":1}}`

const job = `"jarURI":"local:///opt/flink/examples/job.jar","parallelism":1,"upgradeMode":"savepoint"`

// applicationBody is the application {appName}, its job in a state.
func applicationBody(state string) string {
	return `{"apiVersion":"cmf.confluent.io/v1","kind":"FlinkApplication","metadata":{"name":"{appName}"},` +
		`"spec":{` + applicationSpec + `,"job":{` + job + `,"state":"` + state + `"}}}`
}

func application(s *scene) { s.application("running") }

func suspended(s *scene) { s.application("suspended") }

// atRest is a suspended application whose state will not change.
func atRest(s *scene) {
	suspended(s)
	s.awaits(oneApp, "status.jobStatus.state", "SUSPENDED")
}

func (s *scene) application(state string) {
	environment(s)
	if !s.known("appName") {
		s.make(apps, applicationBody(state))
	}
}

// running is an application that has got so far.
func running(s *scene) {
	application(s)
	s.awaits(oneApp, "status.jobStatus.state", "RUNNING")
}

// awaits waits until a resource has a value at a path.
func (s *scene) awaits(resource, path, want string) {
	s.t.Helper()
	await.Success(s.t, resource+" has "+path+" "+want, func() error {
		a := s.ask("GET", s.fill(resource), "", "")
		if got := a.at(path); got != want {
			return fmt.Errorf("%s: %s is %v", a.request, path, got)
		}
		return nil
	})
}

func savepoint(s *scene) {
	running(s)
	if !s.known("savepointName") {
		s.make(appPoints, `{"apiVersion":"cmf.confluent.io/v1","kind":"Savepoint","metadata":{"name":"{savepointName}"},"spec":{"formatType":"CANONICAL"}}`)
	}
}

// completed is a savepoint that is there to be started from.
func completed(s *scene) {
	savepoint(s)
	s.awaits(appPoints+"/{savepointName}", "status.state", "COMPLETED")
	a := s.ask("GET", s.fill(appPoints+"/{savepointName}"), "", "")
	s.vars["savepointUid"] = a.at("metadata.uid").(string)
}

// unfinished is a savepoint that will not be complete: the sandbox simulates that
// it cannot be written, however often it is tried.
func unfinished(s *scene) {
	environment(s)
	s.make(apps, strings.Replace(applicationBody("running"), `"metadata":{`, `"metadata":{"annotations":{"sandbox.weir.dev/fail":"savepoint"},`, 1))
	s.awaits(oneApp, "status.jobStatus.state", "RUNNING")
	a := s.make(appPoints, `{"metadata":{"name":"{savepointName}"},"spec":{"backoffLimit":-1}}`)
	s.vars["savepointUid"] = a.at("metadata.uid").(string)
}

// instance is the run of a running application.
func instance(s *scene) {
	running(s)
	a := s.ask("GET", s.fill(instances), "", "")
	s.vars["instName"] = a.at("items.0.metadata.name").(string)
}

func detached(s *scene) {
	if !s.known("detachedSavepointName") {
		a := s.make(detacheds, `{"apiVersion":"cmf.confluent.io/v1","kind":"Savepoint","metadata":{"name":"{detachedSavepointName}"},"spec":{"path":"s3://bucket/savepoint"}}`)
		s.vars["detachedUid"] = a.at("metadata.uid").(string)
	}
}

const secretBody = `{"apiVersion":"cmf.confluent.io/v1","kind":"Secret","metadata":{"name":"{secretName}"},"spec":{"data":{"user":"kafka","password":"hidden"}}}`

func secret(s *scene) {
	if !s.known("secretName") {
		s.make(secrets, secretBody)
	}
}

const mappingBody = `{"apiVersion":"cmf.confluent.io/v1","kind":"EnvironmentSecretMapping","metadata":{"name":"{name}"},"spec":{"secretName":"{secretName}"}}`

func mapping(s *scene) {
	environment(s)
	secret(s)
	if !s.known("name") {
		s.make(mappings, mappingBody)
	}
}

const catalogBody = `{"apiVersion":"cmf.confluent.io/v1","kind":"KafkaCatalog","metadata":{"name":"{catName}"},` +
	`"spec":{"srInstance":{"connectionConfig":{"schema.registry.url":"http://registry:8081"}}}}`

func catalog(s *scene) {
	if !s.known("catName") {
		s.make(catalogs, catalogBody)
	}
}

const databaseBody = `{"apiVersion":"cmf.confluent.io/v1","kind":"KafkaDatabase","metadata":{"name":"{dbName}"},` +
	`"spec":{"kafkaCluster":{"connectionConfig":{"bootstrap.servers":"kafka:9092"}}}}`

func database(s *scene) {
	catalog(s)
	if !s.known("dbName") {
		s.make(databases, databaseBody)
	}
}

// cluster is the sandbox cluster that environments are on by default, and
// spare the one that no environment of these tests is on.
func cluster(s *scene) { s.vars["kubernetesClusterName"] = "default-k8s-cluster" }
func spare(s *scene)   { s.vars["kubernetesClusterName"] = "edge-k8s-cluster" }

// poolBody is the compute pool {computePoolName} of a type.
func poolBody(kind string) string {
	return `{"apiVersion":"cmf.confluent.io/v1","kind":"ComputePool","metadata":{"name":"{computePoolName}"},` +
		`"spec":{"type":"` + kind + `","clusterSpec":{"image":"confluentinc/cp-flink-sql:1.19-cp4","flinkVersion":"v1_19",` +
		`"flinkConfiguration":{"execution.checkpointing.interval":"1 min","state.checkpoints.dir":"s3://bucket/checkpoints","state.savepoints.dir":"s3://bucket/savepoints"},` +
		`"jobManager":{"resource":{"memory":"1024m","cpu":1}},"taskManager":{"resource":{"memory":"1024m","cpu":1}}}}}`
}

func pool(s *scene) {
	environment(s)
	if !s.known("computePoolName") {
		s.make(pools, poolBody("DEDICATED"))
	}
}
