package codec_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/gateway/codec"
)

// FuzzUnmarshal: no text makes the decoder panic, what it takes is JSON, and
// what was decoded is encoded to the same thing again.
func FuzzUnmarshal(f *testing.F) {
	for _, seed := range []string{
		`{}`, `null`, `[]`, `{"kind":"k","spec":{"a":[1,2.0,null]}}`, `{"metadata":{"labels":{"a":"b"},"creationTimestamp":"2025-01-01T00:00:00Z"}}`,
		`{"items":[{},{"kind":1}]}`, `{"status":{"type":"x","data":{"newStatus":"a","exceptionString":"b"}}}`, `{"kind":"\ud800"}`, `{"a":1,"a":1}`,
		`{"status":{"resourceSummary":{"cpu":1e400,"memory":9223372036854775808}}}`, `{"elementType":{"elementType":{"length":3}}}`, "{\"kind\":\"\xff\"}", `{} {}`,
	} {
		f.Add(byte(0), []byte(seed))
		f.Add(byte(1), []byte(seed))
	}
	f.Fuzz(func(t *testing.T, subject byte, data []byte) {
		kind := subjects[int(subject)%len(subjects)].ProtoReflect()
		original := bytes.Clone(data)
		first := kind.New().Interface()
		_, err := codec.Unmarshal(data, first)
		if !bytes.Equal(data, original) {
			t.Fatal("the document was changed")
		}
		if err != nil {
			return
		}
		if !json.Valid(data) {
			t.Fatalf("taken though it is not JSON: %q", data)
		}
		encoded, err := codec.Append(nil, first)
		if err != nil {
			t.Fatal(err)
		}
		second := kind.New().Interface()
		unknown, err := codec.Unmarshal(encoded, second)
		if err != nil || len(unknown) > 0 {
			t.Fatalf("decode %s: %v, unknown %q", encoded, err, unknown)
		}
		if !proto.Equal(first, second) {
			t.Fatalf("%q became %v, and then %v", data, first, second)
		}
	})
}
