package gateway_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/metadata"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

const environmentPath = "/cmf/api/v1/environments/test"

func TestRequestIDs(t *testing.T) {
	for _, tc := range []struct {
		name, sent string
		kept       bool
	}{
		{"of the client", "3f2a-B_1.x", true},
		{"none", "", false},
		{"as long as may be", strings.Repeat("a", 128), true},
		{"too long", strings.Repeat("a", 129), false},
		{"not plain", `a"b`, false},
		{"with white space", "a b", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newControl().returns("GetEnvironment", &cmfv1.Environment{})
			s := start(t, c)
			for path, status := range map[string]int{environmentPath: 200, "/hello": 404, environmentPath + "/x": 404} {
				got := s.do(t, "GET", path, "", "X-Request-Id: "+tc.sent)
				id := got.header.Get("X-Request-Id")
				if got.status != status || id == "" || (id == tc.sent) != tc.kept {
					t.Errorf("%s: status %d, id %q", path, got.status, id)
				}
				if status == 200 {
					if passed := c.last(t).metadata.Get("x-request-id"); !cmp.Equal(passed, []string{id}) {
						t.Errorf("the control plane was told %q, the client %q", passed, id)
					}
				}
			}
		})
	}
}

// TestFewHeadersReachTheControlPlane: a client cannot set metadata or timeouts of
// the RPC, nor can its headers pass for what the gateway says.
func TestFewHeadersReachTheControlPlane(t *testing.T) {
	for name, connect := range transports {
		t.Run(name, func(t *testing.T) {
			c := newControl().returns("GetEnvironment", &cmfv1.Environment{})
			s := startWith(t, connect(t, c))
			got := s.do(t, "GET", environmentPath, "",
				"Authorization: Bearer abc",
				"X-Request-Id: mine",
				"X-Forwarded-For: 192.0.2.1",
				"Grpc-Metadata-X-Role: admin",
				"Grpc-Metadata-Authorization: Bearer evil",
				"Grpcgateway-Authorization: Bearer evil",
				"Grpc-Timeout: 1n",
				"Cookie: a=b",
				"X-Role: admin",
				"Weir-Role: admin",
			)
			if got.status != 200 {
				t.Fatalf("%d %s", got.status, got.body)
			}
			received := c.last(t).metadata
			for _, name := range []string{":authority", "content-type", "user-agent", "grpc-accept-encoding"} {
				delete(received, name) // of gRPC itself
			}
			want := metadata.MD{
				"authorization":    {"Bearer abc"},
				"x-request-id":     {"mine"},
				"x-forwarded-for":  {"192.0.2.1, 127.0.0.1"},
				"x-forwarded-host": {strings.TrimPrefix(s.url, "http://")},
			}
			if diff := cmp.Diff(want, received); diff != "" {
				t.Errorf("metadata (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEveryResponseHasTheCommonHeaders(t *testing.T) {
	s := start(t, newControl().returns("GetEnvironment", &cmfv1.Environment{}))
	for _, path := range []string{environmentPath, "/hello", "/healthz", "/openapi.json"} {
		got := s.do(t, "GET", path, "")
		if got.header.Get("X-Content-Type-Options") != "nosniff" || got.header.Get("Cache-Control") == "" || got.header.Get("Vary") != "Accept" {
			t.Errorf("%s: headers %v", path, got.header)
		}
	}
}

// Without a field that is misspelt, a role binding would allow more.
func TestUnknownFieldsOfAccessControlAreErrors(t *testing.T) {
	s := start(t, newControl())
	for path, test := range map[string]struct{ body, want string }{
		"/cmf/api/v1/role-bindings":                     {`{"metadata":{"name":"devs"},"spec":{"principal":"User:a","role":"SystemAdmin","enviroment":"prod"}}`, "spec.enviroment"},
		"/cmf/api/v1/machine-tokens":                    {`{"metadata":{"name":"ci-deploy"},"spec":{"environment":["prod"]}}`, "spec.environment"},
		"/cmf/api/v1/agent-tokens":                      {`{"metadata":{"name":"edge"},"spec":{"cluster":"edge"}}`, "spec.cluster"},
		"/cmf/api/v1/agent-bans":                        {`{"cluster":"edge"}`, "cluster"},
		"/cmf/api/v1/policies":                          {`{"metadata":{"name":"images"},"spec":{"kind":["FlinkDeployment"]}}`, "spec.kind"},
		"/cmf/api/v1/service-account-allowlist-entries": {`{"metadata":{"name":"etl"},"spec":{"environment":"prod"}}`, "spec.environment"},
	} {
		s.do(t, "POST", path, test.body).expect(t, http.StatusBadRequest, errorBody(test.want+": is not a field of this resource"))
	}
}

func TestUnknownFieldsAreWarnings(t *testing.T) {
	c := newControl().on("CreateOrUpdateApplication", echoApplication)
	s := start(t, c)
	got := s.do(t, "POST", applicationsPath, `{"kind":"x","colour":1,"metadata":{"name":"app1","finalizers":[{"deep":{}}],"näme":1},"spec":{"own":"affair"}}`)
	got.expect(t, http.StatusCreated, `{"kind":"x","metadata":{"name":"app1"},"spec":{"own":"affair"}}`)
	want := []string{
		`299 - "unknown field \"colour\""`,
		`299 - "unknown field \"metadata.finalizers\""`,
		`299 - "unknown field \"metadata[\\\"n\\u00e4me\\\"]\""`,
	}
	if diff := cmp.Diff(want, got.header.Values("Warning")); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}

	var many strings.Builder
	for i := range 100 {
		many.WriteString(`,"unknown` + strings.Repeat("x", i) + `":1`)
	}
	got = s.do(t, "POST", applicationsPath, `{"kind":"x"`+many.String()+`}`)
	if n := len(got.header.Values("Warning")); got.status != 201 || n != 11 {
		t.Errorf("status %d with %d warnings", got.status, n)
	}
}
