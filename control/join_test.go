package control_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/openweir/weir/control"
	"github.com/openweir/weir/control/seal"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/internal/await"
)

// joining is a replica that serves agents with TLS and signs their certificates.
type joining struct {
	*replica
	authority  *authority // of the replica's certificate
	tokens     cmfv1.AgentTokenServiceClient
	identities cmfv1.AgentIdentityServiceClient
}

func startJoining(t *testing.T, changes ...func(*control.Config)) *joining {
	t.Helper()
	j := &joining{authority: newAuthority(t)}
	server := j.authority.issue(t, func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)} })
	keys := must(seal.Parse(must(seal.Generate())(t)))(t)
	j.replica = start(t, append([]func(*control.Config){func(c *control.Config) {
		c.AgentTLS = &control.TLSFiles{Cert: writeFile(t, "server.crt", server.certificate), Key: writeFile(t, "server.key", server.key)}
		c.Keys = keys
	}}, changes...)...)
	j.tokens, j.identities = cmfv1.NewAgentTokenServiceClient(j.conn), cmfv1.NewAgentIdentityServiceClient(j.conn)
	return j
}

// token creates a join token.
func (j *joining) token(t *testing.T, name, cluster string, lifetime time.Duration) string {
	t.Helper()
	created := must(j.tokens.CreateAgentToken(t.Context(), &cmfv1.CreateAgentTokenRequest{Token: &cmfv1.AgentToken{
		Metadata: &cmfv1.ObjectMeta{Name: name},
		Spec:     &cmfv1.AgentTokenSpec{KubernetesClusterName: cluster, Lifetime: durationpb.New(lifetime)},
	}}))(t)
	return created.GetStatus().GetToken()
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
}

func requestFor(t *testing.T, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	return must(x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key))(t)
}

// fleet is a client of the agents' listener that presents an identity, if any.
func (j *joining) fleet(t *testing.T, identity *pair) agentv1.FleetServiceClient {
	t.Helper()
	conn := must(grpc.NewClient(j.agents, grpc.WithTransportCredentials(credentials.NewTLS(j.authority.clientConfig(t, identity)))))(t)
	t.Cleanup(func() { _ = conn.Close() })
	return agentv1.NewFleetServiceClient(conn)
}

func pairOf(t *testing.T, certificate []byte, key *ecdsa.PrivateKey) *pair {
	t.Helper()
	return &pair{certificate, block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(key))(t))}
}

// join makes an agent join.
func (j *joining) join(t *testing.T, cluster string) *pair {
	t.Helper()
	key := newKey(t)
	response := must(j.fleet(t, nil).Join(t.Context(), &agentv1.JoinRequest{
		Token: j.token(t, "token-of-"+cluster, cluster, time.Hour), Cluster: cluster, CertificateRequest: requestFor(t, key),
	}))(t)
	return pairOf(t, response.GetCertificate(), key)
}

// session begins a session with an identity and waits for Welcome.
func (j *joining) session(t *testing.T, cluster string, identity *pair) *agent {
	t.Helper()
	a := j.attempt(t, cluster, identity)
	await.Success(t, "Welcome", func() error { return difference(true, a.welcome() != nil) })
	return a
}

func (j *joining) attempt(t *testing.T, cluster string, identity *pair) *agent {
	t.Helper()
	a := dialWith(t, j.agents, nil, grpc.WithTransportCredentials(credentials.NewTLS(j.authority.clientConfig(t, identity))))
	a.begin(hello(cluster))
	return a
}

func TestJoinTokensAreExchangedOnce(t *testing.T) {
	t.Parallel()
	j := startJoining(t)
	fleet := j.fleet(t, nil)
	token := j.token(t, "once", "cluster-a", time.Hour)
	expired := j.token(t, "short", "cluster-a", time.Millisecond)
	<-time.After(2 * time.Millisecond)
	key := newKey(t)
	join := func(token, cluster string, key *ecdsa.PrivateKey) ([]byte, error) {
		response, err := fleet.Join(t.Context(), &agentv1.JoinRequest{Token: token, Cluster: cluster, CertificateRequest: requestFor(t, key)})
		return response.GetCertificate(), err
	}
	for _, refused := range []struct {
		name, token, cluster string
		code                 codes.Code
		message              string
	}{
		{"none", "", "cluster-a", codes.Unauthenticated, "the join token is unknown"},
		{"of an unknown name", "other:secret", "cluster-a", codes.Unauthenticated, "the join token is unknown"},
		{"with a wrong secret", "once:secret", "cluster-a", codes.Unauthenticated, "the join token is unknown"},
		{"for another cluster", token, "cluster-b", codes.PermissionDenied, `the join token is for cluster "cluster-a", not for "cluster-b"`},
		{"that has expired", expired, "cluster-a", codes.Unauthenticated, "the join token has expired"},
	} {
		_, err := join(refused.token, refused.cluster, key)
		equal(t, "a token "+refused.name, []any{refused.code, refused.message}, []any{status.Code(err), status.Convert(err).Message()})
	}
	certificate := must(join(token, "cluster-a", key))(t)
	j.session(t, "cluster-a", pairOf(t, certificate, key))
	must(join(token, "cluster-a", key))(t) // the response was lost
	_, err := join(token, "cluster-a", newKey(t))
	equal(t, "a used token", []any{codes.Unauthenticated, "the join token was used already"}, []any{status.Code(err), status.Convert(err).Message()})
	j.attempt(t, "cluster-b", pairOf(t, certificate, key)).awaitEnd(codes.PermissionDenied, `the client certificate is for cluster "cluster-a", not for "cluster-b"`)

	listed := must(j.tokens.GetAgentToken(t.Context(), &cmfv1.GetAgentTokenRequest{TokenName: "once"}))(t)
	equal(t, "token and use", []any{"", true}, []any{listed.GetStatus().GetToken(), listed.GetStatus().GetUsedTimestamp() != nil})
	deleted := j.token(t, "deleted", "cluster-a", time.Hour)
	must(j.tokens.DeleteAgentToken(t.Context(), &cmfv1.DeleteAgentTokenRequest{TokenName: "deleted"}))(t)
	_, err = join(deleted, "cluster-a", key)
	equal(t, "a deleted token", codes.Unauthenticated, status.Code(err))
}

func TestWithoutKeysNoTokenIsCreated(t *testing.T) {
	t.Parallel()
	j := startJoining(t, func(c *control.Config) { c.Keys = nil })
	_, err := j.tokens.CreateAgentToken(t.Context(), &cmfv1.CreateAgentTokenRequest{Token: &cmfv1.AgentToken{
		Metadata: &cmfv1.ObjectMeta{Name: "once"}, Spec: &cmfv1.AgentTokenSpec{KubernetesClusterName: "cluster-a"},
	}})
	equal(t, "code", codes.FailedPrecondition, status.Code(err))
}

func TestBansEndSessions(t *testing.T) {
	t.Parallel()
	j := startJoining(t)
	identity := j.join(t, "cluster-a")
	der, _ := pem.Decode(identity.certificate)
	serial := must(x509.ParseCertificate(der.Bytes))(t).SerialNumber.Text(16)
	for name, test := range map[string]struct {
		ban     *cmfv1.AgentBan
		lift    *cmfv1.LiftAgentBanRequest
		message string
	}{
		"of a cluster": {
			&cmfv1.AgentBan{Subject: &cmfv1.AgentBan_KubernetesClusterName{KubernetesClusterName: "cluster-a"}},
			&cmfv1.LiftAgentBanRequest{Subject: &cmfv1.LiftAgentBanRequest_KubernetesClusterName{KubernetesClusterName: "cluster-a"}},
			"The agents of the cluster are banned.",
		},
		"of a certificate": {
			&cmfv1.AgentBan{Subject: &cmfv1.AgentBan_SerialNumber{SerialNumber: "00" + serial}},
			&cmfv1.LiftAgentBanRequest{Subject: &cmfv1.LiftAgentBanRequest_SerialNumber{SerialNumber: serial}},
			"The certificate of the agent is banned.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			running := j.session(t, "cluster-a", identity)
			must(j.identities.BanAgent(t.Context(), &cmfv1.BanAgentRequest{Ban: test.ban}))(t)
			running.awaitEnd(codes.PermissionDenied, test.message)
			j.attempt(t, "cluster-a", identity).awaitEnd(codes.PermissionDenied, test.message)
			_, err := j.fleet(t, identity).Renew(t.Context(), &agentv1.RenewRequest{Cluster: "cluster-a", CertificateRequest: requestFor(t, newKey(t))})
			equal(t, "renewal", codes.PermissionDenied, status.Code(err))
			must(j.identities.LiftAgentBan(t.Context(), test.lift))(t)
			j.session(t, "cluster-a", identity).close()
		})
	}
}

func TestSessionsEndWithTheirCertificate(t *testing.T) {
	t.Parallel()
	j := startJoining(t, func(c *control.Config) { c.AgentCertificateLifetime = 8 * time.Second })
	j.session(t, "cluster-a", j.join(t, "cluster-a")).awaitEnd(codes.Unauthenticated, "The certificate of the agent has expired.")
}

func TestAuthoritiesAreRotated(t *testing.T) {
	t.Parallel()
	j := startJoining(t)
	before := j.join(t, "cluster-a")
	running := j.session(t, "cluster-a", before)
	must(j.identities.RotateAgentAuthority(t.Context(), &cmfv1.RotateAgentAuthorityRequest{}))(t)
	key := newKey(t)
	renewed := must(j.fleet(t, before).Renew(t.Context(), &agentv1.RenewRequest{Cluster: "cluster-a", CertificateRequest: requestFor(t, key)}))(t)
	trusted := must(j.identities.GetAgentAuthorities(t.Context(), &cmfv1.GetAgentAuthoritiesRequest{}))(t).GetAuthorities()
	equal(t, "number of authorities", 2, len(trusted))
	for i, certificate := range [][]byte{before.certificate, renewed.GetCertificate()} {
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM([]byte(trusted[i].GetCertificate()))
		der, _ := pem.Decode(certificate)
		must(must(x509.ParseCertificate(der.Bytes))(t).Verify(x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}))(t)
	}
	equal(t, "error of the session", nil, running.failure())
	running.close()
	j.session(t, "cluster-a", pairOf(t, renewed.GetCertificate(), key)).close()
	j.session(t, "cluster-a", before).close()
}

func TestACertificateOfAnotherAuthorityIsNotRenewed(t *testing.T) {
	t.Parallel()
	outside := newAuthority(t)
	j := startJoining(t, func(c *control.Config) { c.AgentTLS.ClientCAs = []string{writeFile(t, "outside.crt", outside.pem)} })
	_, err := j.fleet(t, outside.client(t, "weir://cluster/cluster-a")).Renew(t.Context(), &agentv1.RenewRequest{Cluster: "cluster-a", CertificateRequest: requestFor(t, newKey(t))})
	equal(t, "code", codes.PermissionDenied, status.Code(err))
	_, err = j.fleet(t, nil).Renew(t.Context(), &agentv1.RenewRequest{Cluster: "cluster-a", CertificateRequest: requestFor(t, newKey(t))})
	equal(t, "code without a certificate", codes.Unauthenticated, status.Code(err))
}

func TestADeletedClusterNeedsANewToken(t *testing.T) {
	t.Parallel()
	j := startJoining(t)
	token, key := j.token(t, "first", "cluster-a", time.Hour), newKey(t)
	joined := must(j.fleet(t, nil).Join(t.Context(), &agentv1.JoinRequest{Token: token, Cluster: "cluster-a", CertificateRequest: requestFor(t, key)}))(t)
	identity := pairOf(t, joined.GetCertificate(), key)
	running := j.session(t, "cluster-a", identity)
	must(j.environments.CreateOrUpdateEnvironment(t.Context(), &cmfv1.CreateOrUpdateEnvironmentRequest{Environment: &cmfv1.Environment{
		Name: "prod", KubernetesNamespace: "flink", KubernetesClusterName: "cluster-a",
	}}))(t)
	remove := func() error {
		_, err := j.clusters.DeleteKubernetesCluster(t.Context(), &cmfv1.DeleteKubernetesClusterRequest{KubernetesClusterName: "cluster-a"})
		return err
	}
	err := remove()
	equal(t, "deletion while it is used", []any{codes.FailedPrecondition, "Cannot delete cluster 'cluster-a': referenced by environments [prod]"},
		[]any{status.Code(err), status.Convert(err).Message()})
	must(j.environments.DeleteEnvironment(t.Context(), &cmfv1.DeleteEnvironmentRequest{EnvName: "prod"}))(t)
	if err := remove(); err != nil {
		t.Fatal(err)
	}
	const message = "The cluster was deleted. Its agent has to join with a new token."
	running.awaitEnd(codes.PermissionDenied, message)
	j.attempt(t, "cluster-a", identity).awaitEnd(codes.PermissionDenied, message)
	_, err = j.clusters.GetKubernetesCluster(t.Context(), &cmfv1.GetKubernetesClusterRequest{KubernetesClusterName: "cluster-a"})
	equal(t, "code", codes.NotFound, status.Code(err))
	// The token that was used before the deletion is no new one.
	_, err = j.fleet(t, nil).Join(t.Context(), &agentv1.JoinRequest{Token: token, Cluster: "cluster-a", CertificateRequest: requestFor(t, key)})
	equal(t, "the same token again", []any{codes.PermissionDenied, message}, []any{status.Code(err), status.Convert(err).Message()})
	for _, collection := range []string{"cluster-status/", "sessions/", "claims/cluster-a/", "tombstones/cluster-a/"} {
		equal(t, collection, 0, len(j.storedUnder(t, collection)))
	}
}
