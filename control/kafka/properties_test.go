package kafka

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestJAASOptions(t *testing.T) {
	const class = "org.apache.kafka.common.security.plain.PlainLoginModule"
	for text, want := range map[string]map[string]string{
		class + ` required username="ann" password="b";`:                  {"username": "ann", "password": "b"},
		class + "  required\n  username=ann  password='b c' ;":            {"username": "ann", "password": "b c"},
		class + ` required username="a\"n" password="=;\\" serviceName=x`: {"username": `a"n`, "password": `=;\`, "serviceName": "x"},
		class + ` required username="";`:                                  {"username": ""},
		class:                                                             nil,
		class + ` required username="open;`:                               nil,
		class + ` required username`:                                      nil,
		"":                                                                nil,
	} {
		got, err := jaasOptions(text)
		if (err != nil) != (want == nil) {
			t.Errorf("%q: error %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

// plainJAAS has a password that no error may repeat.
const plainJAAS = `P required username="ann" password="hunter2";`

func TestInvalidConnections(t *testing.T) {
	for name, test := range map[string]struct {
		properties map[string]string
		says       string
	}{
		"no servers":         {map[string]string{}, "property bootstrap.servers is required"},
		"no such protocol":   {map[string]string{"security.protocol": "TLS"}, `security.protocol must be PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL`},
		"no mechanism":       {map[string]string{"security.protocol": "SASL_SSL"}, "property sasl.mechanism is required"},
		"another mechanism":  {map[string]string{"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "GSSAPI", "sasl.jaas.config": plainJAAS}, "sasl.mechanism must be PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"},
		"no user":            {map[string]string{"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.jaas.config": `P required password="hunter2";`}, "sasl.jaas.config has no username"},
		"a broken user":      {map[string]string{"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.jaas.config": `P required username="a" password="hunter2`}, "sasl.jaas.config: it must be of the form"},
		"a file to trust":    {map[string]string{"security.protocol": "SSL", "ssl.truststore.location": "/etc/passwd"}, "ssl.truststore.location refers to a file, which the control plane does not read"},
		"a file with a key":  {map[string]string{"security.protocol": "SSL", "ssl.keystore.location": "/etc/passwd"}, "ssl.keystore.location refers to a file"},
		"no certificate":     {map[string]string{"security.protocol": "SSL", "ssl.truststore.certificates": "hunter2"}, "ssl.truststore.certificates does not contain a PEM certificate"},
		"no own certificate": {map[string]string{"security.protocol": "SSL", "ssl.keystore.certificate.chain": "x", "ssl.keystore.key": "hunter2"}, "must be a PEM certificate and its unencrypted private key"},
	} {
		t.Run(name, func(t *testing.T) {
			if len(test.properties) > 0 {
				test.properties["bootstrap.servers"] = "kafka:9092"
			}
			_, err := clientOptions(&Network{}, test.properties)
			if err == nil || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "hunter2") {
				t.Fatalf("got %v, want %q", err, test.says)
			}
		})
	}
}

func TestOtherPropertiesAreIgnored(t *testing.T) {
	if _, err := clientOptions(&Network{}, map[string]string{
		"bootstrap.servers": " a:1 , b:2", "group.id": "x", "security.protocol": "sasl_ssl", "sasl.mechanism": "SCRAM-SHA-512", "sasl.jaas.config": plainJAAS,
		"ssl.endpoint.identification.algorithm": "", "ssl.truststore.location": "",
	}); err != nil {
		t.Fatal(err)
	}
}
