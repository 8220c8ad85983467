package control_test

import (
	"testing"

	"google.golang.org/grpc/codes"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/internal/await"
)

// looking makes a query that runs on a pool of its own.
func looking(t *testing.T, r *replica, a *agent) (statements, *agentv1.Apply) {
	t.Helper()
	s := r.shop(t)
	must(s.post(t.Context(), statementOf("looking", "dedicated", "SELECT id FROM orders")))(t)
	apply := a.awaitApply("looking", 1)
	page := must(s.results(t, "looking", ""))(t)
	equal(t, "rows before it runs", 0, len(page.GetResults().GetData()))
	if page.GetMetadata().GetAnnotations()["nextPageToken"] == "" {
		t.Error("there is no token to come back with")
	}
	a.report(apply, flinkStatus("STABLE", "RUNNING", "job-1"))
	s.awaitPhase(t, "looking", "RUNNING")
	return s, apply
}

func (s statements) results(t testing.TB, name, token string) (*cmfv1.StatementResult, error) {
	t.Helper()
	return s.GetStatementResult(t.Context(), &cmfv1.GetStatementResultRequest{EnvName: s.env, StmtName: name, PageToken: token})
}

// answered gets a page while the agent answers the nth request for rows.
func (s statements) answered(t *testing.T, a *agent, token string, n int, answer *agentv1.ResultPage) (*agentv1.FetchResults, *cmfv1.StatementResult, error) {
	t.Helper()
	requests := func() []*agentv1.FetchResults { return pick(a, (*agentv1.ConnectResponse).GetFetchResults) }
	done := make(chan struct{})
	var page *cmfv1.StatementResult
	var err error
	go func() {
		defer close(done)
		page, err = s.GetStatementResult(t.Context(), &cmfv1.GetStatementResultRequest{EnvName: s.env, StmtName: "looking", PageToken: token})
	}()
	awaitEqual(t, "requests for rows", n, func() int { return len(requests()) })
	request := requests()[n-1]
	answer.RequestId = request.GetRequestId()
	a.send(&agentv1.ConnectRequest{Message: &agentv1.ConnectRequest_ResultPage{ResultPage: answer}})
	await.Closed(t, "the page", done)
	return request, page, err
}

func TestRowsOfAQueryAreFetchedFromItsCluster(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a"))
	s, apply := looking(t, r, a)
	rows := []string{`{"op":0,"row":["1"]}`, `{"op":0,"row":[null]}`}

	request, page, err := s.answered(t, a, "", 1, &agentv1.ResultPage{Rows: rows, NextOffset: 2})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "object", apply.GetRef(), request.GetRef())
	equal(t, "owner", apply.GetOwnerUid(), request.GetOwnerUid())
	equal(t, "columns", 1, len(request.GetSchema().GetColumns()))
	equal(t, "rows", []*cmfv1.JsonObject{text(rows[0]), text(rows[1])}, page.GetResults().GetData())
	token := page.GetMetadata().GetAnnotations()["nextPageToken"]

	request, page, err = s.answered(t, a, token, 2, &agentv1.ResultPage{NextOffset: 2, Finished: true})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "offset", int64(2), request.GetOffset())
	equal(t, "annotations of the last page", map[string]string(nil), page.GetMetadata().GetAnnotations())

	_, _, err = s.answered(t, a, "", 3, &agentv1.ResultPage{Failure: agentv1.ResultFailure_RESULT_FAILURE_GONE, Message: "They are gone."})
	refused(t, err, refusal{Code: codes.FailedPrecondition, HTTP: 410, Messages: []string{"They are gone."}})
	_, _, err = s.answered(t, a, "", 4, &agentv1.ResultPage{Failure: agentv1.ResultFailure_RESULT_FAILURE_UNSUPPORTED, Message: "No Flink."})
	refused(t, err, refusal{Code: codes.Unavailable, Messages: []string{"No Flink."}})
}

func TestRowsThatCannotBeFetched(t *testing.T) {
	one, two := startTwo(t)
	a := one.connect(t, hello("cluster-a"))
	s, apply := looking(t, one, a)

	for _, token := range []string{"nonsense", "e30", "eyJzdGF0ZW1lbnQiOiJvdGhlciIsIm9mZnNldCI6MX0"} {
		_, err := s.results(t, "looking", token)
		refused(t, err, invalid("page-token: was not issued for this statement"))
	}
	_, err := two.statements("prod").results(t, "looking", "")
	refused(t, err, refusal{Code: codes.Unavailable, Messages: []string{
		"The agent of Kubernetes cluster 'cluster-a' is connected to replica 'replica-1', and only that replica can fetch rows from it. Try again.",
	}})
	a.report(apply, flinkStatus("FAILED", "FAILED", "job-1"))
	s.awaitPhase(t, "looking", "FAILED")
	_, err = s.results(t, "looking", "")
	refused(t, err, refusal{Code: codes.FailedPrecondition, HTTP: 410, Messages: []string{"The results of statement 'looking' are gone: it is FAILED."}})
}

func TestRowsOfADisconnectedCluster(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a"))
	s, _ := looking(t, r, a)
	a.close()
	awaitEqual(t, "state of the cluster", "DISCONNECTED", func() string { return r.cluster(t, "cluster-a").GetStatus().GetState() })
	_, err := s.results(t, "looking", "")
	refused(t, err, refusal{Code: codes.Unavailable, Messages: []string{"The agent of Kubernetes cluster 'cluster-a' is not connected, so no rows can be fetched from it."}})
}
