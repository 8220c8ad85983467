package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/openweir/weir/internal/await"
)

// mds stands in for the Metadata Service of Confluent Platform: alice logs in with a
// password, and gets a token that is signed as it signs them.
type mds struct {
	*httptest.Server
	key *rsa.PrivateKey
}

const alicesPassword = "correct horse"

func startMDS(t *testing.T) *mds {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	m := &mds{key: key}
	m.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		answer := map[string]any{}
		switch user, password, _ := r.BasicAuth(); {
		case r.URL.Path == "/security/1.0/features":
			answer["features"] = map[string]bool{"oidc.login.device.1.enabled": false}
		case r.URL.Path != "/security/1.0/authenticate" || user != "alice" || password != alicesPassword:
			w.WriteHeader(http.StatusUnauthorized)
			answer["status_code"], answer["message"] = http.StatusUnauthorized, "Unauthorized"
		default:
			answer["auth_token"], answer["token_type"], answer["expires_in"] = m.token(t, user), "Bearer", 3600
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(m.Close)
	return m
}

func (m *mds) token(t *testing.T, user string) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: m.key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		t.Error(err)
		return ""
	}
	now := time.Now()
	payload, err := json.Marshal(map[string]any{
		"jti": rand.Text(), "iss": "Confluent", "sub": user, "iat": now.Unix(), "nbf": now.Add(-time.Minute).Unix(), "exp": now.Add(time.Hour).Unix(), "azp": user, "auth_time": now.Unix(),
	})
	if err != nil {
		t.Error(err)
		return ""
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Error(err)
		return ""
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Error(err)
	}
	return token
}

// TestUsersLogInAtTheMetadataService: as `confluent login` does, at the control plane and
// at a separate gateway; with the token, they are who the service says.
func TestUsersLogInAtTheMetadataService(t *testing.T) {
	service, authority := startMDS(t), newSigner(t)
	public, err := x509.MarshalPKIXPublicKey(service.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	auth := write(t, []byte("publicKeys: [{issuer: Confluent, keyFile: "+writePEM(t, "PUBLIC KEY", public)+"}]\n"))
	bindings := write(t, []byte("roleBindings: [{principal: User:alice, role: SystemAdmin}]\n"))
	certificate, key := authority.files(t, "")
	mdsCA := writePEM(t, "CERTIFICATE", service.Certificate().Raw)
	rest, api, separate := ownAddress(t), ownAddress(t), ownAddress(t)
	audit := filepath.Join(t.TempDir(), "audit.jsonl")
	login := []string{"--log-level", "debug", "--mds-url", service.URL, "--mds-ca", mdsCA, "--http-tls-cert", certificate, "--http-tls-key", key}
	processes := []*process{
		start(t, append([]string{"control", "--auth", auth, "--role-bindings", bindings, "--etcd-dir", t.TempDir(), "--agents", ownAddress(t), "--admin", "",
			"--audit", audit, "--http", rest, "--grpc", api, "--tls-cert", certificate, "--tls-key", key}, login...)...),
		start(t, append([]string{"gateway", "--control", api, "--tls-ca", authority.file(t), "--http", separate}, login...)...),
	}
	client, _ := authority.client(t, "", "")
	for name, address := range map[string]string{"control plane": rest, "gateway": separate} {
		t.Run(name, func(t *testing.T) {
			send := func(method, path, body string, authorize func(*http.Request)) (int, string) {
				t.Helper()
				request, err := http.NewRequestWithContext(t.Context(), method, "https://"+address+path, strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				request.Header.Set("Content-Type", "application/json")
				authorize(request)
				response, err := client.Do(request)
				if err != nil {
					return 0, err.Error()
				}
				defer response.Body.Close()
				text, err := io.ReadAll(response.Body)
				if err != nil {
					t.Fatal(err)
				}
				return response.StatusCode, string(text)
			}
			with := func(password string) func(*http.Request) {
				return func(r *http.Request) { r.SetBasicAuth("alice", password) }
			}
			nobody := func(*http.Request) {}
			await.Until(t, "it is ready", func() bool {
				code, _ := send(http.MethodGet, "/readyz", "", nobody)
				return code == http.StatusOK
			})
			if code, body := send(http.MethodGet, "/security/1.0/features", "", nobody); code != http.StatusOK || !strings.Contains(body, `"oidc.login.device.1.enabled":false`) {
				t.Errorf("the features are %d %s", code, body)
			}
			if code, body := send(http.MethodGet, "/security/1.0/authenticate", "", with("wrong one")); code != http.StatusUnauthorized || !strings.Contains(body, `"message":"Unauthorized"`) {
				t.Errorf("a wrong password: %d %s", code, body)
			}
			code, body := send(http.MethodGet, "/security/1.0/authenticate", "", with(alicesPassword))
			var token struct {
				Token string `json:"auth_token"`
			}
			if err := json.Unmarshal([]byte(body), &token); err != nil || code != http.StatusOK || token.Token == "" {
				t.Fatalf("the login: %d %s", code, body)
			}
			bearer := func(token string) func(*http.Request) {
				return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
			}
			const environments = "/cmf/api/v1/environments"
			if code, body := send(http.MethodGet, environments, "", bearer(token.Token)); code != http.StatusOK {
				t.Errorf("with the token: %d %s", code, body)
			}
			forger := &mds{key: mustRSA(t)}
			for name, authorize := range map[string]func(*http.Request){
				"the password": with(alicesPassword), "nothing": nobody, "a forged token": bearer(forger.token(t, "alice")),
			} {
				if code, body := send(http.MethodGet, environments, "", authorize); code != http.StatusUnauthorized {
					t.Errorf("with %s: %d %s", name, code, body)
				}
			}
			// A change, for the audit log.
			if code, body := send(http.MethodDelete, environments+"/absent", "", bearer(token.Token)); code != http.StatusNotFound {
				t.Errorf("a change: %d %s", code, body)
			}
		})
	}
	records := string(mustRead(t, audit))
	if !strings.Contains(records, `"caller":"User:alice"`) {
		t.Errorf("the audit log does not name alice:\n%s", records)
	}
	basic := httptest.NewRequest(http.MethodGet, "/", nil)
	basic.SetBasicAuth("alice", alicesPassword)
	for name, text := range map[string]string{"audit log": records, "log of the control plane": processes[0].printed.String(), "log of the gateway": processes[1].printed.String()} {
		for _, secret := range []string{alicesPassword, strings.TrimPrefix(basic.Header.Get("Authorization"), "Basic ")} {
			if strings.Contains(text, secret) {
				t.Errorf("the %s contains the password:\n%s", name, text)
			}
		}
	}
}

func mustRSA(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
