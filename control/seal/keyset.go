package seal

import (
	"bytes"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

// Key is a key of a keyset.
type Key struct {
	ID uint32
	// Primary is set for the key that seals. The others only open.
	Primary bool
}

// Generate makes a keyset with one new key.
func Generate() ([]byte, error) {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("generate key: %w", err)
	}
	return marshal(handle)
}

// List returns the keys of a keyset, in the order in which they were added.
func List(keysetJSON []byte) ([]Key, error) {
	handle, err := read(keysetJSON)
	if err != nil {
		return nil, err
	}
	keys := make([]Key, handle.Len())
	for i := range keys {
		entry, err := handle.Entry(i)
		if err != nil {
			return nil, fmt.Errorf("find the keys of the keyset: %w", err)
		}
		keys[i] = Key{ID: entry.KeyID(), Primary: entry.IsPrimary()}
	}
	return keys, nil
}

// Add adds a new key to a keyset, which opens only until it is promoted.
func Add(keysetJSON []byte) ([]byte, error) {
	return edit(keysetJSON, func(keys *keyset.Manager) error {
		_, err := keys.Add(aead.AES256GCMKeyTemplate())
		return err
	})
}

// Promote makes a key of a keyset the one that seals. The others stay, to open what
// they sealed.
func Promote(keysetJSON []byte, id uint32) ([]byte, error) {
	return edit(keysetJSON, func(keys *keyset.Manager) error { return keys.SetPrimary(id) })
}

// Drop removes a key from a keyset. The primary key cannot be removed.
func Drop(keysetJSON []byte, id uint32) ([]byte, error) {
	return edit(keysetJSON, func(keys *keyset.Manager) error { return keys.Delete(id) })
}

func edit(keysetJSON []byte, change func(*keyset.Manager) error) ([]byte, error) {
	before, err := read(keysetJSON)
	if err != nil {
		return nil, err
	}
	keys := keyset.NewManagerFromHandle(before)
	if err := change(keys); err != nil {
		return nil, fmt.Errorf("change keyset: %w", err)
	}
	after, err := keys.Handle()
	if err != nil {
		return nil, fmt.Errorf("change keyset: %w", err)
	}
	return marshal(after)
}

func read(keysetJSON []byte) (*keyset.Handle, error) {
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(keysetJSON)))
	if err != nil {
		return nil, fmt.Errorf("parse keyset: %w", err)
	}
	return handle, nil
}

func marshal(handle *keyset.Handle) ([]byte, error) {
	var b bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&b)); err != nil {
		return nil, fmt.Errorf("write keyset: %w", err)
	}
	return append(b.Bytes(), '\n'), nil
}
