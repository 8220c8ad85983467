package ddl

import (
	"maps"
	"slices"
	"strings"
)

// Formats whose schemas are in a registry.
const (
	avroConfluent         = "avro-confluent"
	debeziumAvroConfluent = "debezium-avro-confluent"
)

// registryURL is the option of a client of the registry that it needs.
const registryURL = "schema.registry.url"

// registryOptions are the options of Flink's format for those of a client. What
// is not here goes through as a property of the client.
var registryOptions = map[string]string{
	registryURL:                               "url",
	"basic.auth.credentials.source":           "basic-auth.credentials-source",
	"basic.auth.user.info":                    basicAuthUser,
	"schema.registry.basic.auth.user.info":    basicAuthUser,
	"bearer.auth.credentials.source":          "bearer-auth.credentials-source",
	"bearer.auth.token":                       "bearer-auth.token",
	"schema.registry.ssl.keystore.location":   "ssl.keystore.location",
	"schema.registry.ssl.keystore.password":   "ssl.keystore.password",
	"schema.registry.ssl.truststore.location": "ssl.truststore.location",
	"schema.registry.ssl.truststore.password": "ssl.truststore.password",
}

const (
	basicAuthUser   = "basic-auth.user-info"
	basicAuthSource = "basic-auth.credentials-source"
)

// addRegistry adds the connection to the registry to every format that needs it.
func addRegistry(options, registry map[string]string) {
	for _, format := range []string{avroConfluent, debeziumAvroConfluent} {
		for _, prefix := range formatsOf(options, format) {
			// In order, since two options of the client may be one of the format.
			for _, key := range slices.Sorted(maps.Keys(registry)) {
				value := registry[key]
				if name, known := registryOptions[key]; known {
					defaultTo(options, prefix+name, value)
				} else {
					defaultTo(options, prefix+"properties."+strings.TrimPrefix(key, "schema.registry."), value)
				}
			}
			if options[prefix+basicAuthUser] != "" {
				defaultTo(options, prefix+basicAuthSource, "USER_INFO")
			}
		}
	}
}
