package store

import (
	"math/rand/v2"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"
	"pgregory.net/rapid"
)

func TestValuesAreDecodedAsTheyWereEncoded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := wrapperspb.String(strings.Repeat(rapid.String().Draw(t, "text"), rapid.IntRange(0, 500).Draw(t, "times")))
		encoded, _, err := encode(want)
		if err != nil {
			t.Fatal(err)
		}
		got := &wrapperspb.StringValue{}
		if _, err := decode(encoded, got); err != nil || !proto.Equal(want, got) {
			t.Fatalf("decoded is %q (%v), encoded was %q", got.GetValue(), err, want.GetValue())
		}
	})
}

func TestOnlyWhatGetsSmallerIsCompressed(t *testing.T) {
	random := make([]byte, 4000)
	source := rand.NewChaCha8([32]byte{})
	_, _ = source.Read(random)
	for name, test := range map[string]struct {
		value  proto.Message
		packed bool
	}{
		"short":  {wrapperspb.String(strings.Repeat("x", 500)), false},
		"long":   {wrapperspb.String(strings.Repeat("specification ", 500)), true},
		"random": {wrapperspb.Bytes(random), false},
	} {
		encoded, _, err := encode(test.value)
		if err != nil {
			t.Fatal(err)
		}
		if packed := encoded[0] == compressed; packed != test.packed {
			t.Errorf("%s: compressed is %t, want %t", name, packed, test.packed)
		}
		if test.packed && len(encoded) > proto.Size(test.value)/2 {
			t.Errorf("%s: %d bytes of %d are left", name, len(encoded), proto.Size(test.value))
		}
	}
}

func TestWhatCannotBeDecodedIsAnError(t *testing.T) {
	for _, encoded := range []string{"\x00", "\x00not compressed", "\xff\xff"} {
		if _, err := decode([]byte(encoded), &wrapperspb.StringValue{}); err == nil {
			t.Errorf("%q is decoded", encoded)
		}
	}
}
