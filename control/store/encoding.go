package store

import (
	"fmt"

	"github.com/klauspost/compress/s2"
	"google.golang.org/protobuf/proto"
)

// compressAbove is the size in bytes from which values are compressed. Those are
// specifications and statuses in JSON, of which a half or a third is left.
const compressAbove = 1 << 10

// compressed begins values that are compressed. No protocol buffer message
// begins with it: field numbers start from 1.
const compressed = 0

// encode is a message as etcd holds it.
func encode(value proto.Message) ([]byte, error) {
	plain, err := proto.Marshal(value)
	if err != nil || len(plain) < compressAbove {
		return plain, err
	}
	out := make([]byte, 1+s2.MaxEncodedLen(len(plain)))
	out[0] = compressed
	packed := s2.Encode(out[1:], plain)
	if len(packed)+1 >= len(plain) {
		return plain, nil
	}
	return out[: 1+len(packed) : 1+len(packed)], nil
}

// decode undoes encode.
func decode(encoded []byte, value proto.Message) error {
	if len(encoded) > 0 && encoded[0] == compressed {
		plain, err := s2.Decode(nil, encoded[1:])
		if err != nil {
			return fmt.Errorf("decompress: %w", err)
		}
		encoded = plain
	}
	return proto.Unmarshal(encoded, value)
}
