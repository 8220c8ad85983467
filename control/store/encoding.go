package store

import (
	_ "embed"
	"fmt"
	"slices"
	"sync"

	"github.com/klauspost/compress/s2"
	"google.golang.org/protobuf/proto"
)

// compressAbove is the size in bytes from which values are compressed. Those are
// specifications and statuses in JSON, of which about a fifth is left.
const compressAbove = 1 << 10

// What begins values that are compressed, without a dictionary and with the first
// one. No protocol buffer message begins with either: field numbers start from 1.
const (
	compressed               = 0
	compressedWithDictionary = 1
)

// dictionaryText has the names of fields and options that specifications and statuses
// of FlinkDeployments have, as JSON and as text within JSON. With it, small values are
// compressed to less. It must never change: what is stored is read with it. Another
// dictionary gets a number of its own.
//
//go:embed dictionary-1.txt
var dictionaryText []byte

var dictionary = s2.MakeDict(dictionaryText, nil)

// encode is a message as etcd holds it, and how many bytes it has uncompressed.
func encode(value proto.Message) ([]byte, int, error) {
	plain, err := proto.Marshal(value)
	if err != nil || len(plain) < compressAbove {
		return plain, len(plain), err
	}
	out := make([]byte, 1+s2.MaxEncodedLen(len(plain)))
	out[0] = compressedWithDictionary
	packed := dictionary.Encode(out[1:], plain)
	if len(packed)+1 >= len(plain) {
		return plain, len(plain), nil
	}
	return slices.Clone(out[:1+len(packed)]), len(plain), nil
}

// plainBuffers are for what is decompressed, of which no message keeps a part.
var plainBuffers = sync.Pool{New: func() any { return new([]byte) }}

// decode undoes encode, and says how many bytes the message has uncompressed.
func decode(encoded []byte, value proto.Message) (int, error) {
	decompress := s2.Decode
	switch {
	case len(encoded) > 0 && encoded[0] == compressedWithDictionary:
		decompress = dictionary.Decode
	case len(encoded) == 0 || encoded[0] != compressed:
		return len(encoded), proto.Unmarshal(encoded, value)
	}
	buffer := plainBuffers.Get().(*[]byte)
	defer plainBuffers.Put(buffer)
	plain, err := decompress((*buffer)[:cap(*buffer)], encoded[1:])
	if err != nil {
		return 0, fmt.Errorf("decompress: %w", err)
	}
	*buffer = plain
	return len(plain), proto.Unmarshal(plain, value)
}
