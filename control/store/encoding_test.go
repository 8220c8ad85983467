package store

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/klauspost/compress/s2"
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
		if packed := encoded[0] == compressedWithDictionary; packed != test.packed {
			t.Errorf("%s: compressed is %t, want %t", name, packed, test.packed)
		}
		if test.packed && len(encoded) > proto.Size(test.value)/2 {
			t.Errorf("%s: %d bytes of %d are left", name, len(encoded), proto.Size(test.value))
		}
	}
}

// Values that were stored are read with the same dictionary for ever.
func TestTheDictionaryNeverChanges(t *testing.T) {
	const want = "8001b7df0f080c89abee20a64c6852adb4153b535d7fb08087959f921e3c46f3"
	if got := fmt.Sprintf("%x", sha256.Sum256(dictionaryText)); got != want {
		t.Errorf("the dictionary has the digest %s, want %s: add another one with a number of its own", got, want)
	}
}

func TestValuesWithoutADictionaryAreDecoded(t *testing.T) {
	want := wrapperspb.String(strings.Repeat("specification ", 500))
	plain, err := proto.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got := &wrapperspb.StringValue{}
	if _, err := decode(append([]byte{compressed}, s2.Encode(nil, plain)...), got); err != nil || !proto.Equal(want, got) {
		t.Errorf("decoded is %q (%v), want %q", got.GetValue(), err, want.GetValue())
	}
}

func TestWhatCannotBeDecodedIsAnError(t *testing.T) {
	for _, encoded := range []string{"\x00", "\x00not compressed", "\x01", "\x01not compressed", "\xff\xff"} {
		if _, err := decode([]byte(encoded), &wrapperspb.StringValue{}); err == nil {
			t.Errorf("%q is decoded", encoded)
		}
	}
}
