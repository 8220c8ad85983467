package gateway_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestQueryParameters(t *testing.T) {
	for query, want := range map[string]*cmfv1.ListApplicationsRequest{
		"":                                   {},
		"page=2&size=100":                    {Page: proto.Int32(2), Size: proto.Int32(100)},
		"page=0":                             {Page: proto.Int32(0)},
		"page=-1":                            {Page: proto.Int32(-1)}, // for the control plane to refuse
		"page=010":                           {Page: proto.Int32(10)},
		"page=":                              {},
		"page":                               {},
		"page=&page=3":                       {Page: proto.Int32(3)},
		"sort=name,desc&sort=uid":            {Sort: []string{"name,desc", "uid"}},
		"include-resource-information=true":  {IncludeResourceInformation: true},
		"include-resource-information=False": {},
		"include-resource-information":       {},
		"filter=name%3Da*%2Cstate%3DRUNNING": {Filter: "name=a*,state=RUNNING"},
		"fields=metadata.name,spec":          {Fields: "metadata.name,spec"},
		"unknown=1&unknown=2":                {},
		"envName=other&env_name=other":       {}, // the path has the say
		"include_resource_information=true":  {}, // not a name of the contract
		"Page=1":                             {},
		"filter[a]=b":                        {},
	} {
		t.Run(query, func(t *testing.T) {
			c := newControl().returns("ListApplications", &cmfv1.ApplicationsPage{})
			start(t, c).do(t, "GET", applicationsPath+"?"+query, "").expect(t, 200, `{"items":[]}`)
			want.EnvName = "test"
			if diff := cmp.Diff(want, c.last(t).request, protocmp.Transform()); diff != "" {
				t.Errorf("the control plane received (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBadQueryParameters(t *testing.T) {
	s := start(t, newControl())
	for query, want := range map[string][]string{
		"page=abc":                           {"page: must be an integer"},
		"page=1.0":                           {"page: must be an integer"},
		"page=0x10":                          {"page: must be an integer"},
		"page=%201":                          {"page: must be an integer"},
		"page=2147483648":                    {"page: must be an integer between -2147483648 and 2147483647"},
		"page=1&page=1":                      {"page: must be given only once"},
		"include-resource-information=maybe": {"include-resource-information: must be true or false"},
		"include-resource-information=1":     {"include-resource-information: must be true or false"},
		"filter=%ff":                         {"filter: must be UTF-8"},
		"size=x&page=y":                      {"page: must be an integer", "size: must be an integer"},
		"page=%zz":                           {`The query string is malformed: invalid URL escape "%zz".`},
		"page=1;size=2":                      {"The query string is malformed: invalid semicolon separator in query."},
	} {
		t.Run(query, func(t *testing.T) {
			s.do(t, "GET", applicationsPath+"?"+query, "").expect(t, 400, errorBody(want...))
		})
	}
}

// TestParametersOfWrites: query and body are judged together.
func TestParametersOfWrites(t *testing.T) {
	c := newControl().returns("DeleteApplication", &cmfv1.DeleteApplicationResponse{}).
		returns("StartApplication", &cmfv1.FlinkApplication{})
	s := start(t, c)
	s.do(t, "DELETE", applicationPath+"?force=true", "").expect(t, 204, "")
	if request := c.last(t).request.(*cmfv1.DeleteApplicationRequest); !request.GetForce() {
		t.Errorf("received %v", request)
	}
	s.do(t, "DELETE", applicationPath+"?force", "").expect(t, 204, "")
	if request := c.last(t).request.(*cmfv1.DeleteApplicationRequest); request.GetForce() {
		t.Error("a delete was forced by a parameter without a value")
	}
	s.do(t, "DELETE", applicationPath+"?force=yes", "").expect(t, 400, errorBody("force: must be true or false"))
	s.do(t, "POST", applicationPath+"/start?startFromSavepointUid=abc", "").expect(t, 200, `{}`)
	if request := c.last(t).request.(*cmfv1.StartApplicationRequest); request.GetStartFromSavepointUid() != "abc" {
		t.Errorf("received %v", request)
	}
}
