package gateway_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

const (
	applicationsPath = "/cmf/api/v1/environments/test/applications"
	applicationPath  = applicationsPath + "/app1"
	statementPath    = "/cmf/api/v1/environments/test/statements/stmt1"
)

var application = &cmfv1.FlinkApplication{
	ApiVersion: "cmf.confluent.io/v1",
	Kind:       "FlinkApplication",
	Metadata:   &cmfv1.ObjectMeta{Name: "app1", Labels: map[string]string{"b": "2", "a": "1"}},
	Spec:       &cmfv1.JsonObject{Json: `{"z":1.0,"a":null,"big":123456789012345678901234567890}`},
}

const applicationJSON = `{"apiVersion":"cmf.confluent.io/v1","kind":"FlinkApplication",` +
	`"metadata":{"name":"app1","labels":{"a":"1","b":"2"}},` +
	`"spec":{"z":1.0,"a":null,"big":123456789012345678901234567890}}`

// answering chooses a status with the answer, as a service does.
func answering(status string, answer proto.Message) func(context.Context, proto.Message) (proto.Message, error) {
	return func(ctx context.Context, _ proto.Message) (proto.Message, error) {
		return answer, grpc.SetHeader(ctx, metadata.Pairs("weir-http-status", status))
	}
}

func TestServicesSelectTheirStatusCodes(t *testing.T) {
	for name, connect := range transports {
		t.Run(name, func(t *testing.T) {
			for _, tc := range []struct {
				name, rpc, method, path, chosen string
				answer                          proto.Message
				status                          int
				body                            string
			}{
				{"usual", "DeleteStatement", "DELETE", statementPath, "", &cmfv1.DeleteStatementResponse{}, 204, ""},
				{"202 of its own", "DeleteStatement", "DELETE", statementPath, "202", &cmfv1.DeleteStatementResponse{Pending: true}, 202, ""},
				{"304 of its own", "DeleteApplication", "DELETE", applicationPath, "304", &cmfv1.DeleteApplicationResponse{}, 304, ""},
				{"304 of a start", "StartApplication", "POST", applicationPath + "/start", "304", application, 304, ""},
				{"an undeclared status code", "DeleteStatement", "DELETE", statementPath, "201", &cmfv1.DeleteStatementResponse{}, 204, ""},
				{"not a number", "StartApplication", "POST", applicationPath + "/start", "soon", application, 200, applicationJSON},
			} {
				t.Run(tc.name, func(t *testing.T) {
					c := newControl().on(tc.rpc, answering(tc.chosen, tc.answer))
					got := startWith(t, connect(t, c)).do(t, tc.method, tc.path, "")
					got.expect(t, tc.status, tc.body)
					if tc.body == "" && got.header.Get("Content-Type") != "" {
						t.Errorf("Content-Type %q without a body", got.header.Get("Content-Type"))
					}
				})
			}
		})
	}
}

func TestETag(t *testing.T) {
	c := newControl().returns("GetApplication", application)
	s := start(t, c)
	first := s.do(t, "GET", applicationPath, "")
	first.expect(t, http.StatusOK, applicationJSON)
	tag := first.header.Get("Etag")
	if len(tag) < 4 || tag[0] != '"' || tag[len(tag)-1] != '"' {
		t.Fatalf("Etag %q is not a strong one", tag)
	}
	for _, tc := range []struct {
		ifNoneMatch string
		status      int
	}{
		{tag, 304}, {"W/" + tag, 304}, {"*", 304}, {`"x", ` + tag, 304}, {`"x",W/` + tag + `,"y"`, 304},
		{`"x"`, 200}, {tag[1 : len(tag)-1], 200}, {"", 200},
	} {
		t.Run(tc.ifNoneMatch, func(t *testing.T) {
			got := s.do(t, "GET", applicationPath, "", "If-None-Match: "+tc.ifNoneMatch)
			want := ""
			if tc.status == http.StatusOK {
				want = applicationJSON
			}
			got.expect(t, tc.status, want)
			if got.header.Get("Etag") != tag {
				t.Errorf("Etag %q, want %q", got.header.Get("Etag"), tag)
			}
			if got.header.Get("Cache-Control") != "private, no-cache" {
				t.Errorf("Cache-Control %q", got.header.Get("Cache-Control"))
			}
		})
	}
	t.Run("two headers", func(t *testing.T) {
		s.do(t, "GET", applicationPath, "", `If-None-Match: "x"`, "If-None-Match: "+tag).expect(t, 304, "")
	})
	t.Run("another representation", func(t *testing.T) {
		got := s.do(t, "GET", applicationPath, "", "Accept: application/yaml", "If-None-Match: "+tag)
		if got.status != http.StatusOK || got.header.Get("Etag") == tag {
			t.Errorf("YAML answered %d with the tag of the JSON", got.status)
		}
	})
	t.Run("another version", func(t *testing.T) {
		changed := proto.Clone(application).(*cmfv1.FlinkApplication)
		changed.Kind = "Other"
		c.mu.Lock()
		c.returns("GetApplication", changed)
		c.mu.Unlock()
		if got := s.do(t, "GET", applicationPath, "", "If-None-Match: "+tag); got.status != http.StatusOK || got.header.Get("Etag") == tag {
			t.Errorf("a changed resource answered %d with tag %s", got.status, got.header.Get("Etag"))
		}
	})
}

// TestRevalidationOnlyIfTheContractHasIt: the contract has 304 for some operations
// only. The ETag of the others is for If-Match.
func TestRevalidationOnlyIfTheContractHasIt(t *testing.T) {
	c := newControl().on("GetStatement", returned("7", &cmfv1.Statement{Kind: "Statement"}))
	got := start(t, c).do(t, "GET", statementPath, "", "If-None-Match: *")
	got.expect(t, http.StatusOK, `{"kind":"Statement"}`)
	if !strings.HasPrefix(got.header.Get("Etag"), `"7.`) || got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", got.header)
	}
}

func TestEmptyListsAndMaps(t *testing.T) {
	c := newControl().
		returns("ListEnvironments", &cmfv1.EnvironmentsPage{Items: []*cmfv1.Environment{{Name: "test"}}}).
		returns("GetEnvironment", &cmfv1.Environment{Name: "test"}).
		returns("ListApplications", &cmfv1.ApplicationsPage{})
	s := start(t, c)
	s.do(t, "GET", "/cmf/api/v1/environments", "").expect(t, 200, `{"items":[{"name":"test"}]}`)
	s.do(t, "GET", "/cmf/api/v1/environments/test", "").expect(t, 200, `{"name":"test","secrets":{}}`)
	s.do(t, "GET", applicationsPath, "").expect(t, 200, `{"items":[]}`)
}
