package gateway_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestRequestFormats(t *testing.T) {
	const (
		asJSON = `{"name":"test","kubernetesNamespace":"0644"}`
		asYAML = "name: test\nkubernetesNamespace: '0644'\n"
	)
	accepted := []struct{ name, contentType, body string }{
		{"JSON", "application/json", asJSON},
		{"JSON with a charset", "application/json; charset=utf-8", asJSON},
		{"JSON in other spelling", "Application/JSON ;charset=UTF-8", asJSON},
		{"JSON with a broken parameter", "application/json; charset", asJSON},
		{"no Accept header", "", asJSON},
		{"a byte order mark", "application/json", "\ufeff" + asJSON},
		{"YAML", "application/yaml", asYAML},
		{"YAML with a charset", "application/yaml;charset=utf-8", asYAML},
		{"YAML by its older names", "application/x-yaml", asYAML},
		{"YAML as text", "text/yaml", asYAML},
		{"YAML as older text", "text/x-yaml", asYAML},
		{"JSON called YAML", "application/yaml", asJSON},
		{"YAML with a byte order mark", "application/yaml", "\ufeff" + asYAML},
		{"YAML with a document marker", "application/yaml", "---\n" + asYAML + "---\n"},
	}
	for _, tc := range accepted {
		t.Run(tc.name, func(t *testing.T) {
			c := newControl().returns("CreateOrUpdateEnvironment", &cmfv1.Environment{Name: "test"})
			var headers []string
			if tc.contentType != "" {
				headers = append(headers, "Content-Type: "+tc.contentType)
			}
			got := start(t, c).do(t, "POST", "/cmf/api/v1/environments", tc.body, headers...)
			got.expect(t, 200, `{"name":"test","secrets":{}}`)
			want := &cmfv1.CreateOrUpdateEnvironmentRequest{Environment: &cmfv1.Environment{Name: "test", KubernetesNamespace: "0644"}}
			if diff := cmp.Diff(want, c.last(t).request, protocmp.Transform()); diff != "" {
				t.Errorf("the control plane received (-want +got):\n%s", diff)
			}
		})
	}
	for _, contentType := range []string{"text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "nonsense", "application/json-patch+json"} {
		t.Run("refused "+contentType, func(t *testing.T) {
			got := start(t, newControl()).do(t, "POST", "/cmf/api/v1/environments", asJSON, "Content-Type: "+contentType)
			got.expect(t, http.StatusUnsupportedMediaType,
				errorBody("Content-Type "+contentType+" is not supported; use application/json or application/yaml."))
		})
	}
	t.Run("the content type of an ignored body is not checked", func(t *testing.T) {
		c := newControl().returns("StartApplication", application)
		got := start(t, c).do(t, "POST", applicationPath+"/start", "<x/>", "Content-Type: application/xml")
		got.expect(t, 200, applicationJSON)
	})
}

func TestResponseFormats(t *testing.T) {
	const asYAML = "kind: Statement\n"
	s := start(t, newControl().returns("GetStatement", &cmfv1.Statement{Kind: "Statement"}))
	for accept, contentType := range map[string]string{
		"":                 "application/json",
		"*/*":              "application/json",
		"application/json": "application/json",
		"application/*":    "application/json",
		"text/html":        "application/json",
		"text/html,application/xml;q=0.9,*/*;q=1": "application/json",
		"nonsense":                           "application/json",
		"application/yaml":                   "application/yaml",
		"Application/YAML; charset=utf-8":    "application/yaml",
		"application/x-yaml":                 "application/x-yaml",
		"text/yaml":                          "text/yaml",
		"text/*":                             "text/yaml",
		"application/json, application/yaml": "application/json",
		"application/yaml, application/json": "application/json",
		"application/yaml, */*":              "application/yaml",
		"application/yaml;q=0.5, application/json;q=0.4": "application/yaml",
		"application/yaml;q=0.4, application/json;q=0.5": "application/json",
		"application/yaml;q=0":                           "application/json",
		"application/yaml;q=0, */*":                      "application/json",
		"application/json;q=0, */*":                      "application/yaml",
		"application/yaml;q=much":                        "application/yaml",
		"*/*;q=0.1, application/yaml":                    "application/yaml",
		",,;":                                            "application/json",
	} {
		t.Run(accept, func(t *testing.T) {
			var headers []string
			if accept != "" {
				headers = append(headers, "Accept: "+accept)
			}
			got := s.do(t, "GET", statementPath, "", headers...)
			want := `{"kind":"Statement"}`
			if strings.Contains(contentType, "yaml") {
				want = asYAML
			}
			got.expect(t, 200, want)
			if got.header.Get("Content-Type") != contentType {
				t.Errorf("Content-Type %q, want %q", got.header.Get("Content-Type"), contentType)
			}
			if got.header.Get("Vary") != "Accept" {
				t.Errorf("Vary %q", got.header.Get("Vary"))
			}
		})
	}
	t.Run("two headers", func(t *testing.T) {
		s.do(t, "GET", statementPath, "", "Accept: text/html", "Accept: application/yaml").expect(t, 200, asYAML)
	})
	t.Run("a YAML request is answered in JSON unless asked otherwise", func(t *testing.T) {
		c := newControl().returns("CreateOrUpdateEnvironment", &cmfv1.Environment{Name: "test"})
		got := start(t, c).do(t, "POST", "/cmf/api/v1/environments", "name: test", "Content-Type: application/yaml")
		got.expect(t, 200, `{"name":"test","secrets":{}}`)
	})
}

// TestOpenEndedJSONIsPreserved the way in and out, in both formats.
func TestOpenEndedJSONIsPreserved(t *testing.T) {
	const spec = `{"z":1.0,"a":null,"int":9007199254740993,"big":123456789012345678901234567890,"exp":1E5,"neg":-0.0,` +
		`"s":"\u00e9\n","é":"yes","on":true,"list":[],"map":{},"nested":{"b":[{"c":null},[1,2.50]]}}`
	c := newControl()
	c.on("CreateOrUpdateApplication", echoApplication)
	s := start(t, c)
	body := `{"metadata":{"name":"app1"},"spec":` + spec + `}`
	t.Run("JSON", func(t *testing.T) {
		s.do(t, "POST", applicationsPath, " "+strings.ReplaceAll(body, ",", ", \n")).expect(t, 201, body)
	})
	t.Run("YAML", func(t *testing.T) {
		yaml := s.do(t, "POST", applicationsPath, body, "Accept: application/yaml")
		if yaml.status != 201 {
			t.Fatalf("%d %s", yaml.status, yaml.body)
		}
		back := s.do(t, "POST", applicationsPath, yaml.body, "Content-Type: application/yaml")
		// YAML has no escapes to keep.
		back.expect(t, 201, strings.ReplaceAll(body, `\u00e9`, "é"))
	})
}
