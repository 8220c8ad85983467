package gateway_test

import (
	"context"
	"net/http"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// returned answers with a resource of a version.
func returned(version string, resource proto.Message) func(context.Context, proto.Message) (proto.Message, error) {
	return func(ctx context.Context, _ proto.Message) (proto.Message, error) {
		return resource, grpc.SetHeader(ctx, metadata.Pairs("weir-resource-version", version))
	}
}

func TestPreconditions(t *testing.T) {
	c := newControl().
		on("GetApplication", returned("42", application)).
		on("CreateOrUpdateApplication", echoApplication).
		returns("CreateSecret", &cmfv1.Secret{}).
		returns("DeleteApplication", &cmfv1.DeleteApplicationResponse{})
	s := start(t, c)
	tag := s.do(t, "GET", applicationPath, "").header.Get("Etag")
	const secretsPath = "/cmf/api/v1/secrets"
	for _, tc := range []struct {
		name, method, path string
		headers            []string
		status             int
		required           string // by the request that the control plane receives
		body               string // of an error
	}{
		{"none", "DELETE", applicationPath, nil, 204, "", ""},
		{"the ETag that was read", "DELETE", applicationPath, []string{"If-Match: " + tag}, 204, "42", ""},
		{"in a request with a body", "POST", applicationsPath, []string{"If-Match: " + tag}, 201, "42", ""},
		{"the ETag of another body of this version", "DELETE", applicationPath, []string{`If-Match: "42.f00-1"`}, 204, "42", ""},
		{"several", "DELETE", applicationPath, []string{`If-Match: "41.a-1", ` + tag}, 204, "41,42", ""},
		{"in several headers", "DELETE", applicationPath, []string{`If-Match: "41.a-1"`, "If-Match: " + tag}, 204, "41,42", ""},
		{"any", "DELETE", applicationPath, []string{"If-Match: *"}, 204, "*", ""},
		{"a weak ETag has no version", "DELETE", applicationPath, []string{"If-Match: W/" + tag}, 204, "W/" + tag, ""},
		{"a foreign ETag has no version", "DELETE", applicationPath, []string{`If-Match: "abc"`}, 204, `"abc"`, ""},
		{"an ETag cannot ask that there is no resource", "DELETE", applicationPath, []string{`If-Match: "0.a-1"`}, 204, `"0.a-1"`, ""},
		{"no resource", "POST", applicationsPath, []string{"If-None-Match: *"}, 201, "0", ""},
		{"no resource of a certain version", "POST", applicationsPath, []string{"If-None-Match: " + tag}, 400, "",
			errorBody("If-None-Match: must be * in a request that changes a resource")},
		{"both", "POST", applicationsPath, []string{"If-None-Match: *", "If-Match: *"}, 400, "",
			errorBody("If-Match, If-None-Match: must not be given together")},
		{"the parameter of that name is ignored", "DELETE", applicationPath + "?resourceVersion=1", nil, 204, "", ""},
		{"no resource, for a creation", "POST", secretsPath, []string{"If-None-Match: *"}, 200, "", ""},
		{"a version, for a creation", "POST", secretsPath, []string{"If-Match: " + tag}, 412, "",
			errorBody("If-Match: a resource that is yet to be created has no version.")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			body := ""
			if tc.method == http.MethodPost {
				body = `{"kind":"x"}`
			}
			before := c.count()
			got := s.do(t, tc.method, tc.path, body, tc.headers...)
			if got.status != tc.status || tc.body != "" && got.body != tc.body {
				t.Fatalf("got  %d %s\nwant %d %s", got.status, got.body, tc.status, tc.body)
			}
			if tc.status >= http.StatusBadRequest {
				if c.count() != before {
					t.Error("the control plane was called")
				}
				return
			}
			required := ""
			if request, ok := c.last(t).request.(interface{ GetResourceVersion() string }); ok {
				required = request.GetResourceVersion()
			}
			if required != tc.required {
				t.Errorf("the request requires version %q, want %q", required, tc.required)
			}
		})
	}
}
