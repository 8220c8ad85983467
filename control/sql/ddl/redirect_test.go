package ddl_test

import (
	"testing"

	"github.com/openweir/weir/control/sql/ddl"
)

func TestRedirects(t *testing.T) {
	for _, option := range []string{
		"properties.bootstrap.servers", "properties.sasl.jaas.config", "properties.security.protocol", "properties.ssl.truststore.location",
		"value.avro-confluent.url", "avro-confluent.schema-registry.url", "key.avro-confluent.basic-auth.user-info", "value.avro-confluent.ssl.keystore.location",
		"value.avro-confluent.properties.proxy.host", "properties.interceptor.classes", "properties.config.providers", "Properties.Bootstrap.Servers",
	} {
		if !ddl.Redirects(option) {
			t.Errorf("%s does not redirect", option)
		}
	}
	for _, option := range []string{
		"connector", "topic", "properties.group.id", "properties.auto.offset.reset", "value.avro-confluent.schema", "value.avro-confluent.subject",
		"scan.startup.mode", "properties.isolation.level", "kafka.cleanup-policy", "sink.partitioner",
	} {
		if ddl.Redirects(option) {
			t.Errorf("%s redirects", option)
		}
	}
}
