package control_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
