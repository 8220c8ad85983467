package link

import (
	"testing"
	"testing/synctest"
	"time"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

func TestAnAgentWithoutStatementsRepliesUnsupported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t)
		a := run(t, f)
		p := f.welcomed(t, 1, time.Hour)
		a.expect(t, "Welcome 1")
		p.send(t, &agentv1.ConnectResponse{Message: &agentv1.ConnectResponse_FetchResults{FetchResults: &agentv1.FetchResults{RequestId: "one"}}})
		page := p.receive(t).GetResultPage()
		if page.GetRequestId() != "one" || page.GetFailure() != agentv1.ResultFailure_RESULT_FAILURE_UNSUPPORTED || page.GetMessage() == "" {
			t.Errorf("answered %v", page)
		}
	})
}
