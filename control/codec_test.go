package control

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestMessagesOfAnySizeAreDecodedAsTheyWereEncoded(t *testing.T) {
	for _, size := range []int{0, 1, 500, 1 << 10, 1<<10 + 1, 100_000, 1 << 20, 17 << 20} {
		// Twice, so that the second one gets the buffer of the first.
		for _, letter := range []string{"a", "b"} {
			want := &cmfv1.JsonObject{Json: strings.Repeat(letter, size)}
			encoded, err := messageCodec{}.Marshal(want)
			if err != nil {
				t.Fatalf("%d bytes: %v", size, err)
			}
			got := &cmfv1.JsonObject{}
			err = messageCodec{}.Unmarshal(encoded, got)
			encoded.Free()
			if err != nil || !proto.Equal(want, got) {
				t.Errorf("%d bytes are decoded as %d (%v)", size, len(got.GetJson()), err)
			}
		}
	}
}

func TestOnlyMessagesAreEncoded(t *testing.T) {
	if _, err := (messageCodec{}).Marshal("text"); err == nil {
		t.Error("a string is encoded")
	}
	if err := (messageCodec{}).Unmarshal(nil, "text"); err == nil {
		t.Error("a string is decoded into")
	}
}

func TestABufferIsUsedAgainForWhatFits(t *testing.T) {
	pool := &bufferPool{}
	for _, length := range []int{0, 1, 1 << 10, 1<<10 + 1, 3 << 20, 1 << 24, 1<<24 + 1} {
		buffer := pool.Get(length)
		if len(*buffer) != length {
			t.Errorf("a buffer of %d bytes has %d", length, len(*buffer))
		}
		*buffer = (*buffer)[:length/2]
		pool.Put(buffer)
		if again := pool.Get(length); len(*again) != length {
			t.Errorf("a buffer of %d bytes has %d when it is used again", length, len(*again))
		}
	}
}
