package fleet

import (
	"testing"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestStringsThatCannotBeSentToAgents(t *testing.T) {
	header := func(name, value string) []*cmfv1.FlinkWebUIHeader {
		return []*cmfv1.FlinkWebUIHeader{{Name: name, Value: value}}
	}
	for name, request := range map[string]*agentv1.TunnelRequest{
		"method": {Method: "G\xff"}, "path": {Path: "/\xff"}, "query": {Query: "a=\xff"},
		"header": {Headers: header("Accept", "\xff")}, "name of a header": {Headers: header("\xff", "x")},
	} {
		if checkTunnelRequest(request) == nil {
			t.Errorf("%s: is accepted", name)
		}
	}
	if err := checkTunnelRequest(&agentv1.TunnelRequest{Method: "GET", Path: "/ä", Query: "a=b", Headers: header("Accept", "text/html")}); err != nil {
		t.Error(err)
	}
}
