package main

import (
	"bytes"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/internal/await"
)

// TestMachineTokens: made, listed and deleted by the command, and used over REST and
// gRPC. A watch over REST ends when its token is deleted.
func TestMachineTokens(t *testing.T) {
	s := startSecured(t)
	admin := s.users("admin")
	weir := func(as *user, args ...string) (string, error) {
		cmd := command(append(append([]string{"machine-token"}, args...), "--control", strings.TrimPrefix(as.grpc.Target(), "dns:///"), "--tls-ca", s.ca)...)
		cmd.Env = append(cmd.Env, "WEIR_TOKEN="+as.token)
		var out, problem bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &problem
		err := cmd.Run()
		if err != nil {
			return problem.String(), err
		}
		return out.String(), nil
	}
	if out, err := weir(s.users("nobody"), "create", "ci-deploy"); err == nil || !strings.Contains(out, "User:nobody may not create MachineToken 'ci-deploy'") {
		t.Errorf("without a role: %v, %s", err, out)
	}
	out, err := weir(admin, "create", "ci-deploy", "--lifetime", "1h")
	token := strings.TrimSpace(out)
	if err != nil || !regexp.MustCompile(`^weir_ci-deploy_[0-9a-f]{72}$`).MatchString(token) {
		t.Fatalf("weir machine-token create: %v, %s", err, out)
	}
	if out, err := weir(admin, "list"); err != nil || !regexp.MustCompile(`(?m)^ci-deploy +User:machine:ci-deploy +20\S+Z +all$`).MatchString(out) || strings.Contains(out, token) {
		t.Errorf("weir machine-token list: %v, %s", err, out)
	}
	machine := &user{url: admin.url, token: token, http: admin.http, grpc: admin.grpc}
	if code, body := machine.rest(t, http.MethodGet, "/environments", ""); code != http.StatusForbidden {
		t.Errorf("without a binding: %d %s", code, body)
	}
	admin.mustREST(t, http.MethodPost, "/role-bindings", `{"metadata":{"name":"ci-deploy"},"spec":{"principal":"User:machine:ci-deploy","role":"ClusterAdmin"}}`)
	await.Until(t, "the role binding is in force", func() bool {
		code, _ := machine.rest(t, http.MethodGet, "/environments", "")
		return code == http.StatusOK
	})
	if _, err := cmfv1.NewSecretServiceClient(machine.grpc).ListSecrets(machine.context(t), &cmfv1.ListSecretsRequest{}); err != nil {
		t.Errorf("over gRPC: %v", err)
	}
	machine.mustREST(t, http.MethodPost, "/secrets", `{"metadata":{"name":"by-machine"},"spec":{"data":{"a":"b"}}}`)
	if records := string(mustRead(t, s.audit)); !strings.Contains(records, `"caller":"User:machine:ci-deploy"`) || strings.Contains(records, token) {
		t.Errorf("the audit log does not name the token, or contains it:\n%s", records)
	}

	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, machine.url+"/environments?watch=true", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	watch, err := machine.http.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Body.Close()
	if watch.StatusCode != http.StatusOK {
		t.Fatalf("the watch: %s", watch.Status)
	}
	if out, err := weir(admin, "delete", "ci-deploy"); err != nil {
		t.Fatalf("weir machine-token delete: %v, %s", err, out)
	}
	var rest bytes.Buffer
	if _, err := rest.ReadFrom(watch.Body); err != nil {
		t.Error(err)
	}
	if !strings.Contains(rest.String(), "The credentials have been revoked.") || !strings.Contains(rest.String(), "401") {
		t.Errorf("the watch ended with %s", rest.String())
	}
	if code, body := machine.rest(t, http.MethodGet, "/environments", ""); code != http.StatusUnauthorized {
		t.Errorf("after the deletion: %d %s", code, body)
	}
	if _, err := cmfv1.NewSecretServiceClient(machine.grpc).ListSecrets(machine.context(t), &cmfv1.ListSecretsRequest{}); status.Code(err) != codes.Unauthenticated {
		t.Errorf("after the deletion over gRPC: %v", err)
	}
}
