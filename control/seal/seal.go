// Package seal protects secrets from everyone who can read etcd, its backups or
// its disk. A value is encrypted with authentication (AES-256-GCM), bound to the
// place that it is stored in: a ciphertext that is moved to another place cannot be
// decrypted.
package seal

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
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
}

// Parse reads a Tink keyset as JSON, with its keys in the clear: the file, or
// whatever else it comes from, has to be kept as a secret itself.
func Parse(keysetJSON []byte) (*Keys, error) {
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(keysetJSON)))
	if err != nil {
		return nil, fmt.Errorf("parse keyset: %w", err)
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
	return &Keys{primitive: primitive, primary: primary.KeyID()}, nil
}

// Generate makes a keyset with one new key.
func Generate() ([]byte, error) {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("generate key: %w", err)
	}
	return marshal(handle)
}

// Rotate adds a new key to a keyset and makes it the one that seals. The others
// stay, to open what they sealed.
func Rotate(keysetJSON []byte) ([]byte, error) {
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(keysetJSON)))
	if err != nil {
		return nil, fmt.Errorf("parse keyset: %w", err)
	}
	manager := keyset.NewManagerFromHandle(handle)
	id, err := manager.Add(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("add key: %w", err)
	}
	if err := manager.SetPrimary(id); err != nil {
		return nil, fmt.Errorf("make key %d primary: %w", id, err)
	}
	rotated, err := manager.Handle()
	if err != nil {
		return nil, fmt.Errorf("rotate keyset: %w", err)
	}
	return marshal(rotated)
}

func marshal(handle *keyset.Handle) ([]byte, error) {
	var b bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&b)); err != nil {
		return nil, fmt.Errorf("write keyset: %w", err)
	}
	return append(b.Bytes(), '\n'), nil
}

// FromFile reads the keyset in a file; where create is set and there is none,
// it makes one that only its owner can read.
func FromFile(path string, create bool) (*Keys, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) && create {
		if text, err = Generate(); err != nil {
			return nil, err
		}
		err = os.WriteFile(path, text, 0o600)
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
	raw, err := decode(sealed)
	// Tink's output begins with a version byte and the id of the key.
	return err == nil && len(raw) > 5 && binary.BigEndian.Uint32(raw[1:5]) == k.primary
}

func decode(sealed string) ([]byte, error) {
	text, ok := strings.CutPrefix(sealed, prefix)
	if !ok {
		return nil, errors.New("the value is not sealed")
	}
	return base64.StdEncoding.DecodeString(text)
}
