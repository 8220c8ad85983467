package kafka

import (
	"crypto/tls"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Names of properties of Kafka's Java client. Those that are not named here are
// left to Flink.
const (
	propertyServers   = "bootstrap.servers"
	propertyProtocol  = "security.protocol"
	propertyMechanism = "sasl.mechanism"
	propertyJAAS      = "sasl.jaas.config"
)

// Bounds of a connection to a broker.
const (
	dialTimeout    = 3 * time.Second
	retries        = 2
	retryBackoff   = 100 * time.Millisecond
	maxBrokerBytes = 32 << 20
	clientID       = "weir"
)

// clientOptions are the options of a client for properties of Kafka's Java
// client.
func clientOptions(network *Network, properties map[string]string) ([]kgo.Opt, error) {
	servers := list(properties[propertyServers])
	if len(servers) == 0 {
		return nil, fmt.Errorf("property %s is required", propertyServers)
	}
	options := []kgo.Opt{
		kgo.SeedBrokers(servers...),
		kgo.ClientID(clientID),
		kgo.RequestTimeoutOverhead(timeout),
		kgo.RequestRetries(retries),
		kgo.RetryBackoffFn(func(int) time.Duration { return retryBackoff }),
		kgo.FetchMaxBytes(maxBrokerBytes),
		kgo.BrokerMaxReadBytes(maxBrokerBytes),
	}
	dial := network.dial
	protocol := strings.ToUpper(properties[propertyProtocol])
	switch protocol {
	case "", "PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL":
	default:
		return nil, fmt.Errorf("%s must be PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL, got %q", propertyProtocol, protocol)
	}
	if strings.HasSuffix(protocol, "SSL") {
		config, err := tlsConfig(properties, "")
		if err != nil {
			return nil, err
		}
		dial = network.dialTLS(config)
	}
	options = append(options, kgo.Dialer(dial))
	if strings.HasPrefix(protocol, "SASL_") {
		mechanism, err := saslMechanism(properties)
		if err != nil {
			return nil, err
		}
		options = append(options, kgo.SASL(mechanism))
	}
	return options, nil
}

// list splits what is separated by commas.
func list(text string) []string {
	var out []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// minTLS is what Kafka's Java client asks for as well.
const minTLS = tls.VersionTLS12
