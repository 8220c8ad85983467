package control_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/openweir/weir/control"
	"github.com/openweir/weir/control/audit"
	"github.com/openweir/weir/control/seal"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// audited is a replica with an audit log, and the path of that.
func audited(t *testing.T) (*replica, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	log := must(audit.Open(audit.Config{Path: path, Required: true, Replica: "replica-1", Log: slog.New(slog.DiscardHandler)}))(t)
	t.Cleanup(func() {
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	})
	keys := must(seal.Parse(must(seal.Generate())(t)))(t)
	return start(t, fromMetadata(0), func(config *control.Config) { config.Audit, config.Keys = log, keys }), path
}

// pairs are the pairs of records about a resource.
func pairs(t *testing.T, path, resource string) (accepted, outcome []audit.Record) {
	t.Helper()
	must(audit.Verify(path))(t)
	for line := range bytes.Lines(must(os.ReadFile(path))(t)) {
		var record audit.Record
		if err := json.Unmarshal(line, &record); err != nil {
			t.Fatal(err)
		}
		switch {
		case record.Call == nil || record.Resource.Name != resource:
		case record.Phase == audit.Accepted:
			accepted = append(accepted, record)
		case record.Phase == audit.Outcome:
			outcome = append(outcome, record)
		}
	}
	for i := range outcome {
		if outcome[i].Accepted != accepted[i].Sequence || outcome[i].TraceID == "" || outcome[i].TraceID != accepted[i].TraceID {
			t.Errorf("%+v and %+v are no pair", accepted[i], outcome[i])
		}
	}
	return accepted, outcome
}

func TestChangesAreRecorded(t *testing.T) {
	r, path := audited(t)
	r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod1")
	r.saveApplication(t, "prod1", "orders", running)
	r.saveApplication(t, "prod1", "orders", suspended)
	_, err := r.applications.DeleteApplication(as(t.Context(), "eve"), &cmfv1.DeleteApplicationRequest{EnvName: "prod1", AppName: "orders", Force: true})
	if status.Code(err) != codes.PermissionDenied {
		t.Fatal(err)
	}
	must(r.applications.GetApplication(t.Context(), &cmfv1.GetApplicationRequest{EnvName: "prod1", AppName: "orders"}))(t)

	accepted, outcome := pairs(t, path, "orders")
	if len(accepted) != 3 || len(outcome) != 3 {
		t.Fatalf("there are %d accepted changes and %d outcomes", len(accepted), len(outcome))
	}
	created, updated, refused := outcome[0], outcome[1], outcome[2]
	if created.Code != "OK" || created.Caller != "User:ANONYMOUS" || created.ReturnedName != "orders" || !strings.HasPrefix(created.Source, "127.0.0.1:") {
		t.Errorf("the creation is %+v", created)
	}
	if created.Method != cmfv1.ApplicationService_CreateOrUpdateApplication_FullMethodName ||
		*created.Resource != (audit.Resource{Type: "FlinkApplication", Environment: "prod1", Name: "orders"}) {
		t.Errorf("the creation is %+v of %+v", created, created.Resource)
	}
	if created.ReturnedSpecDigest == "" || updated.ReturnedSpecDigest == "" || created.ReturnedSpecDigest == updated.ReturnedSpecDigest {
		t.Errorf("the digests are %q and %q", created.ReturnedSpecDigest, updated.ReturnedSpecDigest)
	}
	if accepted[0].RequestedSpecDigest == "" || accepted[0].RequestedSpecDigest == accepted[1].RequestedSpecDigest {
		t.Errorf("the requested digests are %q and %q", accepted[0].RequestedSpecDigest, accepted[1].RequestedSpecDigest)
	}
	if refused.Code != "PermissionDenied" || refused.Caller != "User:eve" || accepted[2].Parameters["force"] != true {
		t.Errorf("the refusal is %+v of %+v", refused, accepted[2])
	}
}

// TestSecretsAreNotInTheRecords: nor digests, from which short ones could be guessed.
func TestSecretsAreNotInTheRecords(t *testing.T) {
	r, path := audited(t)
	must(cmfv1.NewSecretServiceClient(r.conn).CreateSecret(t.Context(), &cmfv1.CreateSecretRequest{Secret: &cmfv1.Secret{
		Metadata: &cmfv1.ObjectMeta{Name: "kafka-login"}, Spec: &cmfv1.SecretSpec{Data: map[string]string{"password": "hunter2"}},
	}}))(t)
	token := must(cmfv1.NewAgentTokenServiceClient(r.conn).CreateAgentToken(t.Context(), &cmfv1.CreateAgentTokenRequest{Token: &cmfv1.AgentToken{
		Metadata: &cmfv1.ObjectMeta{Name: "cluster-b"}, Spec: &cmfv1.AgentTokenSpec{KubernetesClusterName: "cluster-b"},
	}}))(t).GetStatus().GetToken()

	accepted, outcome := pairs(t, path, "kafka-login")
	if len(accepted) != 1 || len(outcome) != 1 || accepted[0].RequestedSpecDigest != "" || outcome[0].ReturnedSpecDigest != "" {
		t.Errorf("the records are %+v, %+v", accepted, outcome)
	}
	text := string(must(os.ReadFile(path))(t))
	for _, secret := range []string{"hunter2", token} {
		if secret == "" || strings.Contains(text, secret) {
			t.Errorf("%q is in the log", secret)
		}
	}
	if accepted, outcome := pairs(t, path, "cluster-b"); len(accepted) != 1 || len(outcome) != 1 {
		t.Errorf("the token is not recorded: %+v, %+v", accepted, outcome)
	}
}

// TestOutcomesHaveTheSpecificationBefore: it is the one that the last outcome has
// returned.
func TestOutcomesHaveTheSpecificationBefore(t *testing.T) {
	r, path := audited(t)
	r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod1")
	r.saveEnvironment(t, "prod1", defaults(`{"image":"flink:1.20"}`))
	r.saveApplication(t, "prod1", "orders", running)
	r.saveApplication(t, "prod1", "orders", rescaled)
	must(r.applications.SuspendApplication(t.Context(), &cmfv1.SuspendApplicationRequest{EnvName: "prod1", AppName: "orders"}))(t)
	r.deleteApplication(t, "prod1", "orders", true)
	bindings := cmfv1.NewRoleBindingServiceClient(r.conn)
	binding := &cmfv1.RoleBinding{Metadata: &cmfv1.ObjectMeta{Name: "alice"}, Spec: &cmfv1.RoleBindingSpec{Principal: "User:alice", Role: "ClusterAdmin"}}
	must(bindings.CreateRoleBinding(t.Context(), &cmfv1.CreateRoleBindingRequest{RoleBinding: binding}))(t)
	binding.Spec.Role = "UserAdmin"
	must(bindings.UpdateRoleBinding(t.Context(), &cmfv1.UpdateRoleBindingRequest{RoleBindingName: "alice", RoleBinding: binding}))(t)
	must(bindings.DeleteRoleBinding(t.Context(), &cmfv1.DeleteRoleBindingRequest{RoleBindingName: "alice"}))(t)
	for name, changes := range map[string]int{"prod1": 2, "orders": 4, "alice": 3} {
		_, outcomes := pairs(t, path, name)
		if len(outcomes) != changes {
			t.Errorf("%s has %d outcomes", name, len(outcomes))
		}
		before := ""
		for _, outcome := range outcomes {
			if got := outcome.PreviousSpecDigest; !got.Known || got.Digest != before {
				t.Errorf("%s of %s found %+v, want %q", outcome.Method, name, got, before)
			}
			if before = outcome.ReturnedSpecDigest; before == "" && !strings.Contains(outcome.Method, "/Delete") {
				t.Errorf("%s of %s returned nothing", outcome.Method, name)
			}
		}
	}
	_, err := r.applications.DeleteApplication(t.Context(), &cmfv1.DeleteApplicationRequest{EnvName: "prod1", AppName: "orders"})
	if status.Code(err) != codes.NotFound {
		t.Fatal(err)
	}
	_, outcomes := pairs(t, path, "orders")
	if last := outcomes[len(outcomes)-1]; last.PreviousSpecDigest.Known {
		t.Errorf("a change that found nothing: %+v", last.PreviousSpecDigest)
	}
}

func TestTheAuditLogIsRead(t *testing.T) {
	r, path := audited(t)
	r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod1")
	r.saveApplication(t, "prod1", "orders", running)
	r.deleteApplication(t, "prod1", "orders", true)
	log := cmfv1.NewAuditServiceClient(r.conn)
	lines := strings.Split(strings.TrimSpace(string(must(os.ReadFile(path))(t))), "\n")
	if len(lines) != 7 {
		t.Fatalf("there are %d records", len(lines))
	}

	// All, in two pages.
	size := int32(4)
	first := must(log.ListAuditRecords(t.Context(), &cmfv1.ListAuditRecordsRequest{Size: &size}))(t)
	if len(first.GetItems()) != 4 || first.GetReplica() != "replica-1" || first.GetCursor() != "replica-1:4" || first.GetEnd() {
		t.Errorf("the first page is %v", first)
	}
	second := must(log.ListAuditRecords(t.Context(), &cmfv1.ListAuditRecordsRequest{Cursor: first.GetCursor()}))(t)
	if len(second.GetItems()) != 3 || second.GetCursor() != "replica-1:7" || !second.GetEnd() {
		t.Errorf("the second page is %v", second)
	}
	for i, got := range append(first.GetItems(), second.GetItems()...) {
		var want audit.Record
		if err := json.Unmarshal([]byte(lines[i]), &want); err != nil {
			t.Fatal(err)
		}
		if got.GetSequence() != int64(want.Sequence) || got.GetPrevious() != want.Previous || got.GetPhase() != string(want.Phase) || got.GetReplica() != "replica-1" || !got.GetTime().AsTime().Equal(want.Time) {
			t.Errorf("record %d is %v, want %+v", i, got, want)
		}
	}
	deleted := second.GetItems()[1]
	if deleted.GetCaller() != "User:ANONYMOUS" || deleted.GetMethod() != cmfv1.ApplicationService_DeleteApplication_FullMethodName ||
		deleted.GetResource().GetEnvironment() != "prod1" || !strings.Contains(deleted.GetParameters().GetJson(), `"force":true`) {
		t.Errorf("the deletion is %v", deleted)
	}
	if outcome := second.GetItems()[2]; outcome.GetCode() != "OK" || outcome.GetPreviousSpecDigest() == "" || outcome.GetAccepted() != 6 {
		t.Errorf("the outcome of the deletion is %v", outcome)
	}

	for name, test := range map[string]struct {
		request *cmfv1.ListAuditRecordsRequest
		want    []int64
	}{
		"the caller":            {&cmfv1.ListAuditRecordsRequest{Caller: "User:ANONYMOUS"}, []int64{2, 3, 4, 5, 6, 7}},
		"another caller":        {&cmfv1.ListAuditRecordsRequest{Caller: "User:eve"}, nil},
		"the method":            {&cmfv1.ListAuditRecordsRequest{Method: "DeleteApplication"}, []int64{6, 7}},
		"the whole method":      {&cmfv1.ListAuditRecordsRequest{Method: "/cmf.v1.ApplicationService/DeleteApplication"}, []int64{6, 7}},
		"the type":              {&cmfv1.ListAuditRecordsRequest{ResourceType: "FlinkEnvironment"}, []int64{2, 3}},
		"the environment":       {&cmfv1.ListAuditRecordsRequest{ResourceEnvironment: "prod1"}, []int64{4, 5, 6, 7}},
		"the name":              {&cmfv1.ListAuditRecordsRequest{ResourceName: "orders", Method: "CreateOrUpdateApplication"}, []int64{4, 5}},
		"the time":              {&cmfv1.ListAuditRecordsRequest{Since: time.Now().Add(time.Hour).Format(time.RFC3339)}, nil},
		"the time before which": {&cmfv1.ListAuditRecordsRequest{Until: time.Now().Add(-time.Hour).Format(time.RFC3339)}, nil},
	} {
		page := must(log.ListAuditRecords(t.Context(), test.request))(t)
		var got []int64
		for _, record := range page.GetItems() {
			got = append(got, record.GetSequence())
		}
		if !slices.Equal(got, test.want) || !page.GetEnd() || page.GetCursor() != "replica-1:7" {
			t.Errorf("%s: the records are %v, the cursor %s", name, got, page.GetCursor())
		}
	}
	negative := int32(0)
	for name, test := range map[string]struct {
		request *cmfv1.ListAuditRecordsRequest
		want    refusal
	}{
		"no cursor": {&cmfv1.ListAuditRecordsRequest{Cursor: "x", Size: &negative, Since: "today"}, invalid(
			"size: must be between 1 and 1000", "since: must be a time in RFC 3339, such as 2026-03-01T09:30:00Z",
			"cursor: must be a replica and the sequence of a record, such as weir-control-0:41")},
		"another replica": {&cmfv1.ListAuditRecordsRequest{Cursor: "replica-2:3"}, refusal{Code: codes.FailedPrecondition, HTTP: 409, Messages: []string{
			"cursor: it is of the audit log of replica 'replica-2', and replica 'replica-1' has received the request. Send the request to 'replica-2'."}}},
		"the future": {&cmfv1.ListAuditRecordsRequest{Cursor: "replica-1:99"}, invalid("cursor: there is no such record yet")},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := log.ListAuditRecords(t.Context(), test.request)
			refused(t, err, test.want)
		})
	}
}

func TestTheAuditLogIsFollowed(t *testing.T) {
	r, _ := audited(t)
	r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod1")
	log := cmfv1.NewAuditServiceClient(r.conn)
	stream := must(log.WatchAuditRecords(t.Context(), &cmfv1.WatchAuditRecordsRequest{Method: "CreateOrUpdateEnvironment"}))(t)
	expect := func(stream cmfv1.AuditService_WatchAuditRecordsClient, kind cmfv1.WatchEventType, version, phase string) {
		t.Helper()
		response := must(stream.Recv())(t)
		if response.GetType() != kind || response.GetResourceVersion() != version || response.GetObject().GetPhase() != phase {
			t.Errorf("got %v, want %s %s %s", response, kind, version, phase)
		}
	}
	added := cmfv1.WatchEventType_WATCH_EVENT_TYPE_ADDED
	expect(stream, added, "replica-1:2", "accepted")
	expect(stream, added, "replica-1:3", "outcome")
	expect(stream, cmfv1.WatchEventType_WATCH_EVENT_TYPE_SYNCED, "replica-1:3", "")
	r.saveApplication(t, "prod1", "orders", running) // which is not watched
	r.saveEnvironment(t, "prod2")
	expect(stream, added, "replica-1:6", "accepted")
	expect(stream, added, "replica-1:7", "outcome")

	resumed := must(log.WatchAuditRecords(t.Context(), &cmfv1.WatchAuditRecordsRequest{ResourceVersion: "replica-1:5"}))(t)
	expect(resumed, cmfv1.WatchEventType_WATCH_EVENT_TYPE_BOOKMARK, "replica-1:5", "")
	expect(resumed, added, "replica-1:6", "accepted")
	r.stop(t)
	for {
		if _, err := stream.Recv(); err != nil {
			if status.Code(err) != codes.Unavailable {
				t.Errorf("the watch ended with %v", err)
			}
			break
		}
	}
}

// TestAnAuditLogThatCannotBeRead says so.
func TestAnAuditLogThatCannotBeRead(t *testing.T) {
	stdout := must(audit.Open(audit.Config{Output: io.Discard, Replica: "replica-1", Log: slog.New(slog.DiscardHandler)}))(t)
	for want, log := range map[string]*audit.Log{
		"This control plane keeps no audit log: start it with --audit.":                                                                         nil,
		"The replica 'replica-1' writes its audit log to the standard output, where it cannot be read again: start it with --audit and a file.": stdout,
	} {
		r := start(t, func(config *control.Config) { config.Audit = log })
		_, err := cmfv1.NewAuditServiceClient(r.conn).ListAuditRecords(t.Context(), &cmfv1.ListAuditRecordsRequest{})
		refused(t, err, refusal{Code: codes.FailedPrecondition, HTTP: 409, Messages: []string{want}})
	}
}
