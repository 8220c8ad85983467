package machinetoken

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"strings"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/validate"
)

// A token is weir_<name>_<secret><checksum>. Names have no underscores. The checksum is
// of everything before it, so that scanners can tell a token from what looks like one.
const (
	prefix       = "weir_"
	secretBytes  = 32
	secretLength = 2*secretBytes + checksumLength // in hexadecimal digits
	// checksumLength is that of a CRC-32 in hexadecimal digits.
	checksumLength = 8
)

// newToken makes the token of a name.
func newToken(name string) string {
	secret := make([]byte, secretBytes)
	_, _ = rand.Read(secret) // it never fails
	body := prefix + name + "_" + hex.EncodeToString(secret)
	return body + checksum(body)
}

func checksum(body string) string { return fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(body))) }

// isToken tells machine tokens from other bearer tokens.
func isToken(token string) bool { return strings.HasPrefix(token, prefix) }

// nameIn is the name in a well-formed token.
func nameIn(token string) (string, bool) {
	name, secret, ok := strings.Cut(strings.TrimPrefix(token, prefix), "_")
	if !ok || !isToken(token) || len(secret) != secretLength {
		return "", false
	}
	body, sum := token[:len(token)-checksumLength], token[len(token)-checksumLength:]
	var v apierror.Violations
	validate.ObjectName(&v, "name", name)
	return name, len(v) == 0 && checksum(body) == sum
}
