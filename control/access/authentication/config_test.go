package authentication_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openweir/weir/control/access/authentication"
)

func TestReadConfig(t *testing.T) {
	got, err := authentication.ReadConfig(writeFile(t, "auth.yaml", []byte(`
issuers:
  - url: https://idp.example.com/realms/flink
    audiences: [weir]
    userClaim: email
    userPrefix: "corp:"
    groupsClaim: groups
publicKeys:
  - issuer: Confluent
    keyFile: mds.pem
certificates:
  caFile: users.pem
  rules: ["RULE:^CN=(.*?),.*$/$1/L", DEFAULT]
gateways:
  caFile: gateways.pem
`)))
	want := authentication.Config{
		Issuers: []authentication.IssuerConfig{{
			URL: "https://idp.example.com/realms/flink", Audiences: []string{"weir"},
			ClaimsConfig: authentication.ClaimsConfig{UserClaim: "email", UserPrefix: "corp:", GroupsClaim: "groups"},
		}},
		PublicKeys:   []authentication.PublicKeyConfig{{Issuer: "Confluent", KeyFile: "mds.pem"}},
		Certificates: &authentication.CertificatesConfig{CAFile: "users.pem", Rules: []string{"RULE:^CN=(.*?),.*$/$1/L", "DEFAULT"}},
		Gateways:     &authentication.GatewaysConfig{CAFile: "gateways.pem"},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestInvalidConfigsAreReported(t *testing.T) {
	for name, test := range map[string]struct {
		yaml string
		want []string
	}{
		"nothing":       {"", []string{"issuers, publicKeys or certificates: one is required"}},
		"no YAML":       {"{", []string{"yaml: "}},
		"two documents": {"certificates: {caFile: a}\n---\ncertificates: {caFile: b}", []string{"must be a single YAML document"}},
		"unknown fields and wrong types": {
			"issuers:\n  - uri: https://idp.example.com\n    audiences: {}\nanonymous: true",
			[]string{"line 2: unknown field uri", "line 3: cannot unmarshal", "line 4: unknown field anonymous"},
		},
		"issuers": {
			"issuers:\n  - url: http://idp.example.com\n  - {url: 'https://idp.example.com?a=b', audiences: ['']}\n  - {url: 'https://a', audiences: [a]}\n  - {url: 'https://a', audiences: [a]}",
			[]string{
				`issuers[0].url: must be an https URL without query and fragment, got "http://idp.example.com"`, "issuers[0].audiences: is required",
				"issuers[1].url: must be an https URL", "issuers[1].audiences: must not contain an empty value", `issuers[3].url: "https://a" is configured twice`,
			},
		},
		"public keys": {
			"issuers: [{url: 'https://a', audiences: [a]}]\npublicKeys: [{}, {issuer: 'https://a', keyFile: k}]",
			[]string{"publicKeys[0].issuer: is required", "publicKeys[0].keyFile: is required", `publicKeys[1].issuer: "https://a" is configured twice`},
		},
		"certificates": {"certificates: {rules: [DEFAULT, 'RULE:(/x/', 'RULE:a/b', all, 'RULE:a/b/X']}", []string{"certificates.caFile: is required", `certificates.rules: rule 2, "RULE:(/x/": pattern: `}},
		"gateways":     {"gateways: {}", []string{"gateways.caFile: is required", "gateways: needs certificates"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := authentication.ReadConfig(writeFile(t, "auth.yaml", []byte(test.yaml)))
			if err == nil {
				t.Fatal("it is accepted")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error is %v, and says nothing of %s", err, want)
				}
			}
		})
	}
}

func TestFilesOfTheConfigAreCheckedAtTheStart(t *testing.T) {
	garbage := writeFile(t, "garbage.pem", []byte("garbage"))
	private := writeFile(t, "private.pem", pemOf("PRIVATE KEY", []byte("x")))
	_, err := authentication.New(authentication.Config{
		Issuers:      []authentication.IssuerConfig{{URL: "https://idp.example.com", Audiences: []string{"weir"}, CAFile: garbage}},
		PublicKeys:   []authentication.PublicKeyConfig{{Issuer: "a", KeyFile: private}, {Issuer: "b", KeyFile: garbage}, {Issuer: "c", KeyFile: "/nonexistent"}},
		Certificates: &authentication.CertificatesConfig{CAFile: "/nonexistent"},
		Gateways:     &authentication.GatewaysConfig{CAFile: garbage},
	}, slog.New(slog.DiscardHandler))
	if err == nil {
		t.Fatal("the files are accepted")
	}
	for _, want := range []string{
		"issuers[0]: caFile: " + garbage + " does not contain a PEM certificate", "publicKeys[0]: keyFile: " + private + " contains a PRIVATE KEY",
		"publicKeys[1]: keyFile: " + garbage + " does not contain PEM", "publicKeys[2]: keyFile: open /nonexistent", "certificates: caFile: open /nonexistent",
		"gateways.caFile: " + garbage,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, and says nothing of %s", err, want)
		}
	}
}
