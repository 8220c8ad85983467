package gateway_test

import (
	"net/http"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// operation is a method of the API as its proto has it.
type operation struct {
	rpc     string
	method  string
	path    string // with names filled in
	rest    *cmfv1.RestRule
	hasBody bool
	answer  proto.Message // empty, of the right type
}

func operations(t *testing.T) []operation {
	t.Helper()
	var all []operation
	protoregistry.GlobalFiles.RangeFilesByPackage("cmf.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				if op, ok := operationOf(t, methods.Get(j)); ok {
					all = append(all, op)
				}
			}
		}
		return true
	})
	return all
}

func operationOf(t *testing.T, m protoreflect.MethodDescriptor) (operation, bool) {
	rule := proto.GetExtension(m.Options(), annotations.E_Http).(*annotations.HttpRule)
	if rule == nil {
		return operation{}, false
	}
	op := operation{
		rpc:     "/" + string(m.Parent().FullName()) + "/" + string(m.Name()),
		rest:    proto.GetExtension(m.Options(), cmfv1.E_Rest).(*cmfv1.RestRule),
		hasBody: rule.GetBody() != "",
	}
	for method, path := range map[string]string{
		http.MethodGet: rule.GetGet(), http.MethodPost: rule.GetPost(), http.MethodPut: rule.GetPut(), http.MethodDelete: rule.GetDelete(),
	} {
		if path != "" {
			op.method, op.path = method, strings.NewReplacer("{", "some-", "}", "").Replace(path)
		}
	}
	answer, err := protoregistry.GlobalTypes.FindMessageByName(m.Output().FullName())
	if err != nil {
		t.Fatal(err)
	}
	op.answer = answer.New().Interface()
	return op, true
}

// TestEveryOperationIsServed: each answers with its own success code, and each
// of its other codes when the control plane chooses it.
func TestEveryOperationIsServed(t *testing.T) {
	c := newControl()
	s := start(t, c)
	ops := operations(t)
	if len(ops) < 63 {
		t.Errorf("%d operations, the contract has 63", len(ops))
	}
	for _, op := range ops {
		t.Run(op.method+" "+op.path, func(t *testing.T) {
			c.mu.Lock()
			c.returns(op.rpc[strings.LastIndexByte(op.rpc, '/')+1:], op.answer)
			c.mu.Unlock()
			body := ""
			if op.hasBody {
				body = "{}"
			}
			got := s.do(t, op.method, op.path, body)
			want := http.StatusOK
			if code := op.rest.GetSuccess(); code != 0 {
				want = int(code)
			}
			if got.status != want {
				t.Errorf("status %d, want %d: %s", got.status, want, got.body)
			}
			if called := c.last(t).method; called != op.rpc {
				t.Errorf("called %s, want %s", called, op.rpc)
			}
			empty := op.rest.GetEmptyBody() || want == http.StatusNoContent
			if (got.body == "") != empty {
				t.Errorf("body %q, empty is to be %t", got.body, empty)
			}
			if contentType := got.header.Get("Content-Type"); (contentType == "application/json") == empty {
				t.Errorf("Content-Type %q beside body %q", contentType, got.body)
			}
			if (got.header.Get("Etag") != "") != op.rest.GetEtag() {
				t.Errorf("Etag %q, one is to be there: %t", got.header.Get("Etag"), op.rest.GetEtag())
			}
		})
	}
}

// TestEveryOperationReturnsErrorsInTheSameWay: what is not implemented answers 501 with
// the contract's error body.
func TestEveryOperationReturnsErrorsInTheSameWay(t *testing.T) {
	s := start(t, newControl())
	for _, op := range operations(t) {
		t.Run(op.method+" "+op.path, func(t *testing.T) {
			body := ""
			if op.hasBody {
				body = "{}"
			}
			s.do(t, op.method, op.path, body).expect(t, http.StatusNotImplemented, errorBody("This operation is not implemented."))
		})
	}
}
