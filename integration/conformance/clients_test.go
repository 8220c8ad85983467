package conformance

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// These are the ways in which the Confluent CLI, the Go SDK and the operator of
// CMF's custom resources use the API, beyond what the contract's tables say.

// The CLI takes both for strings without a look, in every application it lists.
func TestEveryApplicationHasAJobStatus(t *testing.T) {
	s := newScene(t, inJSON)
	environment(s)
	created := s.make(apps, applicationBody("running"))
	listed := s.ask("GET", s.fill(apps), "", "")
	for place, value := range map[string]any{
		"name, created":  created.at("status.jobStatus.jobName"),
		"state, created": created.at("status.jobStatus.state"),
		"name, listed":   listed.at("items.0.status.jobStatus.jobName"),
		"state, listed":  listed.at("items.0.status.jobStatus.state"),
	} {
		if _, ok := value.(string); !ok {
			t.Errorf("%s is %v, want a string", place, value)
		}
	}
}

// The CLI reads both times of every environment without a look.
func TestEveryEnvironmentHasTimestamps(t *testing.T) {
	s := newScene(t, inJSON)
	environment(s)
	listed := s.ask("GET", envs+"?size=2000", "", "")
	items, _ := listed.object["items"].([]any)
	for i := range items {
		for _, field := range []string{"name", "kubernetesNamespace", "created_time", "updated_time"} {
			if text, _ := listed.at(fmt.Sprintf("items.%d.%s", i, field)).(string); text == "" {
				t.Errorf("item %d has no %s: %v", i, field, items[i])
			}
		}
	}
	if len(items) == 0 {
		t.Error("there are no environments")
	}
}

// The SDK cannot decode the whole list where one event has both or neither.
func TestEventDataHasOneField(t *testing.T) {
	s := newScene(t, inJSON)
	running(s)
	a := s.ask("GET", s.fill(events)+"?size=2000", "", "")
	items, _ := a.object["items"].([]any)
	for i := range items {
		data, there := a.at(fmt.Sprintf("items.%d.status", i)).(map[string]any)["data"]
		if data == nil {
			if there {
				t.Logf("event %d has data null", i)
			}
			continue
		}
		fields, _ := data.(map[string]any)
		_, status := fields["newStatus"]
		_, exception := fields["exceptionString"]
		if len(fields) != 1 || status == exception {
			t.Errorf("the data of event %d is %v", i, data)
		}
	}
	if len(items) < 2 {
		t.Errorf("there are %d events", len(items))
	}
}

// The CLI sends null for every flag that was not given, and no namespace when
// it updates.
func TestNullIsAbsentInAnEnvironment(t *testing.T) {
	s := newScene(t, inJSON)
	s.make(envs, `{"name":"{envName}","kubernetesNamespace":"default","flinkApplicationDefaults":null,"computePoolDefaults":null,"statementDefaults":{}}`)
	updated := s.make(envs, `{"name":"{envName}","flinkApplicationDefaults":{"spec":{"image":"a:1"}},"computePoolDefaults":null,"statementDefaults":{}}`)
	all(has("kubernetesNamespace", "default"), has("flinkApplicationDefaults.spec.image", "a:1"), lacking("computePoolDefaults"))(s, updated)
}

// The CLI sends a status with every savepoint, and no name where none is given.
func TestASavepointIsCreatedAsTheCLIDoes(t *testing.T) {
	s := newScene(t, inJSON)
	running(s)
	const body = `{"apiVersion":"cmf.confluent.io/v1","kind":"Savepoint","metadata":{},"spec":{"backoffLimit":0,"formatType":"CANONICAL"},"status":{"path":""}}`
	taken := s.make(appPoints, body)
	free := s.make(detacheds, strings.Replace(body, `"spec":{`, `"spec":{"path":"s3://bucket/savepoint",`, 1))
	for _, a := range []answer{taken, free} {
		if name, _ := a.at("metadata.name").(string); name == "" {
			t.Errorf("%s: no name was made: %s", a.request, a.body)
		}
		if uid, _ := a.at("metadata.uid").(string); uid == "" {
			t.Errorf("%s: no uid: %s", a.request, a.body)
		}
		all(has("spec.backoffLimit", 0.0), has("spec.formatType", "CANONICAL"))(s, a)
	}
}

// Clients read a resource, change a field of it, and send it back whole.
func TestResponsesCanBeSentBack(t *testing.T) {
	for resource, given := range map[string]step{
		secrets + "/{secretName}":             mapping,
		mappings + "/{name}":                  mapping,
		catalogs + "/{catName}":               catalog,
		databases + "/{dbName}":               database,
		onePool:                               pool,
		oneStatement:                          selecting,
		clusters + "/{kubernetesClusterName}": cluster,
	} {
		t.Run(resource, func(t *testing.T) {
			s := newScene(t, inJSON)
			given(s)
			before := s.ask("GET", s.fill(resource), "", "")
			if a := s.ask("PUT", s.fill(resource), string(before.body), ""); a.status != http.StatusOK {
				t.Errorf("%s: answered %d: %s", a.request, a.status, a.body)
			}
			after := s.ask("GET", s.fill(resource), "", "")
			if asText(before.at("spec")) != asText(after.at("spec")) {
				t.Errorf("the specification was %v and is %v", before.at("spec"), after.at("spec"))
			}
		})
	}
	for resource, given := range map[string]step{oneEnv: mapping, oneApp: running} {
		t.Run(resource, func(t *testing.T) {
			s := newScene(t, inJSON)
			given(s)
			before := s.ask("GET", s.fill(resource), "", "")
			collection := resource[:strings.LastIndex(resource, "/")]
			if a := s.make(collection, string(before.body)); asText(before.at("spec")) != asText(a.at("spec")) {
				t.Errorf("the specification was %v and is %v", before.at("spec"), a.at("spec"))
			}
		})
	}
}

func asText(value any) string {
	text, _ := json.Marshal(value)
	return string(text)
}

// The CLI adds its paths to an address that may end in a slash.
func TestRepeatedSlashesAreIgnored(t *testing.T) {
	s := newScene(t, inJSON)
	application(s)
	for _, path := range []string{"/" + oneEnv, oneEnv + "/", strings.Replace(oneApp, "/applications/", "//applications/", 1)} {
		if a := s.ask("GET", s.fill(path), "", ""); a.status != http.StatusOK {
			t.Errorf("%s: answered %d: %s", a.request, a.status, a.body)
		}
	}
}

// The contract fixes the words.
func TestErrorsNameUnknownPaths(t *testing.T) {
	s := newScene(t, inJSON)
	for path, want := range map[string]string{
		"/":                 "Resource not found: []",
		"/hello":            "Resource not found: [hello]",
		"/cmf/api/v1/hello": "Resource not found: [cmf/api/v1/hello]",
	} {
		a := s.ask("GET", path, "", "")
		if a.status != http.StatusNotFound || a.at("errors.0.message") != want {
			t.Errorf("%s: answered %d: %s", a.request, a.status, a.body)
		}
	}
}

// Clients in the wild send apiVersions of all kinds, or none.
func TestUnknownAPIVersionsAreAccepted(t *testing.T) {
	s := newScene(t, inJSON)
	environment(s)
	for _, version := range []string{"", `"apiVersion":"cmf/v1",`, `"apiVersion":"platform.confluent.io/v1beta1",`, `"apiVersion":null,"kind":null,`} {
		a := s.make(secrets, `{`+version+`"metadata":{"name":"`+newName()+`"},"spec":{"data":{}}}`)
		all(has("apiVersion", "cmf.confluent.io/v1"), has("kind", "Secret"))(s, a)
	}
}
