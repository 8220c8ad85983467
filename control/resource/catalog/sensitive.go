package catalog

import (
	"strings"

	"github.com/openweir/weir/control/seal"
)

// sensitiveWords are the last words of the names of options whose values are
// credentials.
var sensitiveWords = []string{"password", "passphrase", "secret", "token"}

// sensitiveOptions end the names of the other options whose values are credentials,
// or contain some.
var sensitiveOptions = []string{"sasl.jaas.config", "auth.user.info", "ssl.keystore.key"}

// isSensitive reports whether the value of an option of a connection is sealed in
// etcd and masked in responses. Text that looks sealed counts, so that what looks
// sealed in etcd is.
func isSensitive(key, value string) bool {
	key = strings.ToLower(strings.ReplaceAll(key, "-", "."))
	for _, end := range sensitiveOptions {
		if strings.HasSuffix(key, end) {
			return true
		}
	}
	last := key[strings.LastIndexByte(key, '.')+1:]
	for _, word := range sensitiveWords {
		if last == word {
			return true
		}
	}
	return seal.IsSealed(value) || strings.Contains(value, "PRIVATE KEY-----") || hasUserInfo(value)
}

// hasUserInfo reports whether a value may contain a URL with a user. It does not
// parse the URL: passwords are not always escaped as they should be.
func hasUserInfo(value string) bool {
	_, rest, isURL := strings.Cut(value, "://")
	return isURL && strings.Contains(rest, "@")
}

// isEndpoint reports whether an option says where credentials are sent.
func isEndpoint(key string) bool {
	return key == "bootstrap.servers" || strings.HasSuffix(key, ".url")
}
