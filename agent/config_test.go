package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/rest"
)

func TestValidateNamesEveryViolation(t *testing.T) {
	sound := func() Config {
		return Config{
			ControlPlane: "weir:9090", Cluster: "edge", Kubernetes: &rest.Config{},
			Identity: Identity{Token: "secret"}, Namespaces: []string{"default"},
		}
	}
	tests := map[string]struct {
		change func(*Config)
		want   []string
	}{
		"sound": {func(*Config) {}, nil},
		"everything is missing": {
			func(c *Config) { *c = Config{} },
			[]string{"control plane: ", "cluster: ", "kubernetes: ", "identity: a join token, a token or a client certificate"},
		},
		"namespaces": {
			func(c *Config) { c.Namespaces = []string{"Default", "a", "a", ""} },
			[]string{`"Default" is not a valid`, `"a" is listed twice`, `"" is not a valid`},
		},
		"a certificate without its key": {
			func(c *Config) { c.Identity = Identity{CertFile: "c"} }, []string{"requires its key"},
		},
		"two tokens": {
			func(c *Config) { c.Identity.TokenFile = "f" }, []string{"mutually exclusive"},
		},
		"plaintext with certificates": {
			func(c *Config) { c.Identity.Insecure, c.Identity.CAFile = true, "ca" }, []string{"cannot be used with an insecure connection"},
		},
		"a token that no header can carry": {
			func(c *Config) { c.Identity.Token = "two\nlines" }, []string{"printable ASCII"},
		},
		"a join token beside a token": {
			func(c *Config) { c.Identity.JoinTokenFile = "f" }, []string{"a join token cannot be combined"},
		},
		"a join token in plaintext": {
			func(c *Config) { c.Identity = Identity{JoinTokenFile: "f", Insecure: true} }, []string{"cannot be used with an insecure connection"},
		},
		"a directory without a join token": {
			func(c *Config) { c.Identity.Directory = "d" }, []string{"requires a join token"},
		},
		"a join token is enough": {
			func(c *Config) { c.Identity = Identity{JoinTokenFile: "f", CAFile: "ca"} }, nil,
		},
		"a certificate is enough": {
			func(c *Config) { c.Identity = Identity{CertFile: "c", KeyFile: "k", CAFile: "ca"} }, nil,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := sound()
			test.change(&c)
			err := c.Validate()
			if (err == nil) != (test.want == nil) {
				t.Fatalf("the verdict is %v", err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the verdict is %q; want it to say %q", err, want)
				}
			}
			if _, newErr := New(c); (newErr == nil) != (err == nil) {
				t.Errorf("New says %v", newErr)
			}
		})
	}
}

func TestATokenFileIsReadForEveryConnection(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	id := Identity{TokenFile: file, Insecure: true}
	tests := []struct{ content, token, problem string }{
		{"first\n", "first", ""},
		{"second", "second", ""},
		{" \n", "", "is empty"},
		{"a b", "", "printable ASCII"},
	}
	if _, err := id.dialOptions(nil); err == nil {
		t.Error("a token file that is absent went unnoticed")
	}
	for _, test := range tests {
		if err := os.WriteFile(file, []byte(test.content), 0o600); err != nil {
			t.Fatal(err)
		}
		token, err := id.token()
		if token != test.token || (err == nil) != (test.problem == "") || err != nil && !strings.Contains(err.Error(), test.problem) {
			t.Errorf("of %q the token is %q (%v); want %q and %q", test.content, token, err, test.token, test.problem)
		}
	}
}

func TestATokenRequiresTLSUnlessInsecure(t *testing.T) {
	if !(bearer{token: "x"}).RequireTransportSecurity() {
		t.Error("the token may be sent in the clear")
	}
	if (bearer{token: "x", insecure: true}).RequireTransportSecurity() {
		t.Error("the token may not be sent although it was said to be all right")
	}
}
