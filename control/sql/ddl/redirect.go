package ddl

import (
	"slices"
	"strings"
)

// redirecting are the words in the names of options of the connector and its formats
// that say which servers are connected to, how the client authenticates and encrypts,
// or which classes see what it does.
var redirecting = []string{
	"auth", "bootstrap", "class", "classes", "interceptor", "jaas", "keystore", "oauth", "oauthbearer", "providers",
	"proxy", "reporters", "sasl", "security", "ssl", "truststore", "url", "urls",
}

// Redirects reports whether an option of a table could send the credentials of its
// database or catalog elsewhere than these say.
func Redirects(option string) bool {
	words := strings.FieldsFunc(strings.ToLower(option), func(r rune) bool { return strings.ContainsRune(".-_", r) })
	return slices.ContainsFunc(words, func(word string) bool { return slices.Contains(redirecting, word) })
}
