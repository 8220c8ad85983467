package authentication

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/openweir/weir/control/access"
)

// Config says who may authenticate and how. At least one of its parts is required.
type Config struct {
	// Issuers are OpenID Connect providers.
	Issuers []IssuerConfig `yaml:"issuers"`
	// PublicKeys verify the tokens of issuers without discovery, such as Confluent's
	// Metadata Service.
	PublicKeys []PublicKeyConfig `yaml:"publicKeys"`
	// Certificates authenticate users by client certificates.
	Certificates *CertificatesConfig `yaml:"certificates"`
	// Gateways may pass the certificates of users on.
	Gateways *GatewaysConfig `yaml:"gateways"`
}

// IssuerConfig is an OpenID Connect provider.
type IssuerConfig struct {
	// URL is the issuer, exactly as in the claim iss of its tokens. Required.
	URL string `yaml:"url"`
	// Audiences are the values of the claim aud of which a token must have one.
	// Required.
	Audiences []string `yaml:"audiences"`
	// CAFile verifies the certificate of the issuer; empty means the CAs of the
	// system.
	CAFile       string `yaml:"caFile"`
	ClaimsConfig `yaml:",inline"`
}

// PublicKeyConfig is an issuer whose key is known.
type PublicKeyConfig struct {
	// Issuer is the claim iss of its tokens. Required.
	Issuer string `yaml:"issuer"`
	// KeyFile is the public key, in PEM. Required.
	KeyFile string `yaml:"keyFile"`
	// Audiences are the values of the claim aud of which a token must have one; any
	// will do if there are none.
	Audiences    []string `yaml:"audiences"`
	ClaimsConfig `yaml:",inline"`
}

// CertificatesConfig is about client certificates of users.
type CertificatesConfig struct {
	// CAFile has the CA certificates that sign those of users. Required.
	CAFile string `yaml:"caFile"`
	// Rules make the user's name of the subject; none means the whole subject.
	Rules []string `yaml:"rules"`
}

// GatewaysConfig is about client certificates of gateways, with a URI SAN
// weir://gateway/<name>.
type GatewaysConfig struct {
	// CAFile has the CA certificates that sign those of gateways. Required.
	CAFile string `yaml:"caFile"`
}

// unknownField is how the decoder reports a key that Config does not have.
var unknownField = regexp.MustCompile(`field (\S+) not found in type \S+`)

// ReadConfig reads a configuration from a YAML file. Its error lists everything that
// is wrong.
func ReadConfig(path string) (Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("read the configuration of authentication: %w", err)
	}
	var config Config
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decoder.Decode(&config); err != nil && !errors.Is(err, io.EOF) {
		var wrong problems
		if typed, ok := errors.AsType[*yaml.TypeError](err); ok {
			for _, text := range typed.Errors {
				wrong = append(wrong, errors.New(unknownField.ReplaceAllString(text, "unknown field $1")))
			}
		} else {
			wrong = append(wrong, err)
		}
		return Config{}, fmt.Errorf("%s: %w", path, wrong.join())
	}
	if err := decoder.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return Config{}, fmt.Errorf("%s: must be a single YAML document", path)
	}
	if err := config.Validate(); err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	return config, nil
}

// Validate reports everything that is wrong, with the fields' names. Files are not
// looked at.
func (c Config) Validate() error {
	var wrong problems
	if len(c.Issuers) == 0 && len(c.PublicKeys) == 0 && c.Certificates == nil {
		wrong.addf("issuers, publicKeys or certificates: one is required, or nobody could authenticate")
	}
	names := map[string]bool{}
	unique := func(field, name string) {
		if names[name] {
			wrong.addf("%s: %q is configured twice", field, name)
		}
		names[name] = true
	}
	for i, issuer := range c.Issuers {
		at := element("issuers", i)
		if u, err := url.Parse(issuer.URL); err != nil || u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
			wrong.addf("%s.url: must be an https URL without query and fragment, got %q", at, issuer.URL)
		}
		if len(issuer.Audiences) == 0 {
			wrong.addf("%s.audiences: is required, or tokens for other services would be accepted", at)
		}
		unique(at+".url", issuer.URL)
		wrong.addReserved(at+".userPrefix", issuer.UserPrefix)
		wrong.addEmpty(at+".audiences", issuer.Audiences)
	}
	for i, key := range c.PublicKeys {
		at := element("publicKeys", i)
		wrong.addMissing(at+".issuer", key.Issuer)
		wrong.addMissing(at+".keyFile", key.KeyFile)
		unique(at+".issuer", key.Issuer)
		wrong.addReserved(at+".userPrefix", key.UserPrefix)
		wrong.addEmpty(at+".audiences", key.Audiences)
	}
	if c.Certificates != nil {
		wrong.addMissing("certificates.caFile", c.Certificates.CAFile)
		_, err := parseRules(c.Certificates.Rules)
		wrong.add("certificates.rules", err)
	}
	if c.Gateways != nil {
		wrong.addMissing("gateways.caFile", c.Gateways.CAFile)
		if c.Certificates == nil {
			wrong.addf("gateways: needs certificates, as gateways pass on those of users")
		}
	}
	return wrong.join()
}

// ClientCAs are the files with the CA certificates that sign client certificates.
func (c Config) ClientCAs() []string {
	var files []string
	if c.Certificates != nil {
		files = append(files, c.Certificates.CAFile)
	}
	if c.Gateways != nil && !slices.Contains(files, c.Gateways.CAFile) {
		files = append(files, c.Gateways.CAFile)
	}
	return files
}

// problems collects what is wrong with a configuration.
type problems []error

func (p *problems) addf(format string, args ...any) { *p = append(*p, fmt.Errorf(format, args...)) }

func (p *problems) add(field string, err error) {
	if err != nil {
		p.addf("%s: %w", field, err)
	}
}

func (p *problems) addMissing(field, value string) {
	if value == "" {
		p.addf("%s: is required", field)
	}
}

func (p *problems) addEmpty(field string, values []string) {
	if slices.Contains(values, "") {
		p.addf("%s: must not contain an empty value", field)
	}
}

// addReserved notes a prefix with which every name of a user would be refused.
func (p *problems) addReserved(field, prefix string) {
	if strings.HasPrefix(prefix, access.MachinePrefix) {
		p.addf("%s: must not begin with %s, which is reserved for machine tokens", field, access.MachinePrefix)
	}
}

func (p problems) join() error { return errors.Join(p...) }

func element(list string, i int) string { return fmt.Sprintf("%s[%d]", list, i) }
