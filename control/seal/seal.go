// Package seal protects secrets from everyone who can read etcd, its backups or
// its disk. A value is encrypted with authentication (AES-256-GCM), bound to the
// place that it is stored in: a ciphertext that is moved to another place cannot be
// decrypted.
package seal

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// ErrNoKey says that the control plane was given no keys.
var ErrNoKey = errors.New("no encryption keys are configured")

// prefix begins every sealed value, so that one is never taken for plain text.
const prefix = "sealed:v1:"

// Keys seal and open values. The zero value has none and answers ErrNoKey.
type Keys struct {
	primitive tink.AEAD
	// primary is the id of the key that seals; others only open.
	primary uint32
	ids     map[uint32]bool // of all keys
}

// Parse reads a Tink keyset as JSON, with its keys in the clear: the file, or
// whatever else it comes from, has to be kept as a secret itself.
func Parse(keysetJSON []byte) (*Keys, error) {
	handle, err := read(keysetJSON)
	if err != nil {
		return nil, err
	}
	return fromHandle(handle)
}

func fromHandle(handle *keyset.Handle) (*Keys, error) {
	primitive, err := aead.New(handle)
	if err != nil {
		return nil, fmt.Errorf("use keyset: %w", err)
	}
	primary, err := handle.Primary()
	if err != nil {
		return nil, fmt.Errorf("find the primary key of the keyset: %w", err)
	}
	ids := map[uint32]bool{}
	for i := range handle.Len() {
		entry, err := handle.Entry(i)
		if err != nil {
			return nil, fmt.Errorf("find the keys of the keyset: %w", err)
		}
		ids[entry.KeyID()] = true
	}
	return &Keys{primitive: primitive, primary: primary.KeyID(), ids: ids}, nil
}

// FromFile reads the keyset in a file; where create is set and there is none,
// it makes one that only its owner can read.
func FromFile(path string, create bool) (*Keys, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) && create {
		if text, err = Generate(); err != nil {
			return nil, err
		}
		err = CreateFile(path, text)
	}
	if err != nil {
		return nil, fmt.Errorf("keyset: %w", err)
	}
	return Parse(text)
}

// IsSealed reports whether a text has the form of a sealed value.
func IsSealed(text string) bool { return strings.HasPrefix(text, prefix) }

// Available is true if there are keys.
func (k *Keys) Available() bool { return k != nil && k.primitive != nil }

// Seal encrypts a value for a place.
func (k *Keys) Seal(place, value string) (string, error) {
	if !k.Available() {
		return "", ErrNoKey
	}
	sealed, err := k.primitive.Encrypt([]byte(value), []byte(place))
	if err != nil {
		return "", fmt.Errorf("seal %s: %w", place, err)
	}
	return prefix + base64.StdEncoding.EncodeToString(sealed), nil
}

// Open decrypts what was sealed for the same place.
func (k *Keys) Open(place, sealed string) (string, error) {
	if !k.Available() {
		return "", ErrNoKey
	}
	raw, err := decode(sealed)
	if err != nil {
		return "", fmt.Errorf("open %s: %w", place, err)
	}
	value, err := k.primitive.Decrypt(raw, []byte(place))
	if err != nil {
		return "", fmt.Errorf("open %s: %w", place, err)
	}
	return string(value), nil
}

// Seals reports whether a text is the value, sealed for the place with the primary
// key. Sealing gives another text each time, and an unchanged value is not a change.
func (k *Keys) Seals(place, sealed, value string) bool {
	opened, err := k.Open(place, sealed)
	return err == nil && opened == value && k.Current(sealed)
}

// Reseal returns what was sealed for the place, sealed with the primary key: the same
// text if it is already.
func (k *Keys) Reseal(place, sealed string) (string, error) {
	if k.Current(sealed) {
		return sealed, nil
	}
	value, err := k.Open(place, sealed)
	if err != nil {
		return "", err
	}
	return k.Seal(place, value)
}

// Current reports whether a value is sealed with the primary key. If not, it should
// be sealed again.
func (k *Keys) Current(sealed string) bool {
	if !k.Available() {
		return true
	}
	id, err := keyOf(sealed)
	return err == nil && id == k.primary
}

// Missing returns the id of the key that sealed a value, if the keyset does not have it.
func (k *Keys) Missing(sealed string) (id uint32, missing bool) {
	id, err := keyOf(sealed)
	return id, err == nil && (!k.Available() || !k.ids[id])
}

func keyOf(sealed string) (uint32, error) {
	raw, err := decode(sealed)
	if err != nil {
		return 0, err
	}
	// Tink's output begins with a version byte and the id of the key.
	if len(raw) <= 5 {
		return 0, errors.New("the value is too short to be sealed")
	}
	return binary.BigEndian.Uint32(raw[1:5]), nil
}

func decode(sealed string) ([]byte, error) {
	text, ok := strings.CutPrefix(sealed, prefix)
	if !ok {
		return nil, errors.New("the value is not sealed")
	}
	return base64.StdEncoding.DecodeString(text)
}
