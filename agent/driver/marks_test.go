package driver

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

func TestAManifestOutlivesItsMark(t *testing.T) {
	short := manifest("app", 1)
	long := strings.Replace(short, `"image"`, `"podTemplate":{"note":"`+strings.Repeat("much the same ", 4000)+`"},"image"`, 1)
	for name, text := range map[string]string{"short": short, "long": long} {
		t.Run(name, func(t *testing.T) {
			mark, err := encodeManifest(text)
			if err != nil {
				t.Fatal(err)
			}
			if len(mark) > plainLimit*2 {
				t.Errorf("the mark of %d bytes has %d", len(text), len(mark))
			}
			got, err := decodeManifest(mark)
			if err != nil || got != text {
				t.Errorf("what was kept is not what comes back: %v", err)
			}
		})
	}
}

func TestAManifestThatIsTooLargeHasNoMark(t *testing.T) {
	noise := make([]byte, 400<<10)
	for i := range noise {
		noise[i] = byte('a' + rand.N(26))
	}
	if mark, err := encodeManifest(string(noise)); err != nil || mark != "" {
		t.Errorf("the mark has %d bytes (%v); want none", len(mark), err)
	}
}

func TestOnlyIntactMarksAreAdopted(t *testing.T) {
	object := func(change func(map[string]string)) *unstructured.Unstructured {
		o, err := parseManifest(keyOf(deploymentRef("app")), manifest("app", 1))
		if err != nil {
			t.Fatal(err)
		}
		marks{owner: "u1", generation: 1, hash: "h"}.stamp(o, manifest("app", 1))
		a := o.GetAnnotations()
		change(a)
		o.SetAnnotations(a)
		return o
	}
	tests := map[string]struct {
		change  func(map[string]string)
		adopted bool
	}{
		"intact":              {func(map[string]string) {}, true},
		"no owner":            {func(a map[string]string) { delete(a, OwnerAnnotation) }, false},
		"no manifest":         {func(a map[string]string) { delete(a, LastAppliedAnnotation) }, false},
		"nonsense":            {func(a map[string]string) { a[LastAppliedAnnotation] = "nonsense" }, false},
		"broken base64":       {func(a map[string]string) { a[LastAppliedAnnotation] = "gzip:!" }, false},
		"not compressed":      {func(a map[string]string) { a[LastAppliedAnnotation] = "gzip:AAAA" }, false},
		"of another object":   {func(a map[string]string) { a[LastAppliedAnnotation] = manifest("other", 1) }, false},
		"no number for epoch": {func(a map[string]string) { a[EpochAnnotation] = "soon" }, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := lastApplied(object(test.change)) != nil; got != test.adopted {
				t.Errorf("adopted: %t; want %t", got, test.adopted)
			}
		})
	}
}

func TestShortenKeepsCharactersWhole(t *testing.T) {
	for limit := 3; limit < 40; limit++ {
		got := shorten(strings.Repeat("aü日", 10), limit)
		if len(got) > limit || !utf8.ValidString(got) || !strings.HasSuffix(got, "…") {
			t.Errorf("cut to %d bytes it is %q", limit, got)
		}
	}
	if got := shorten("short", 5); got != "short" {
		t.Errorf("what fits is cut to %q", got)
	}
}

func TestDeletedOwnersDropsTheOldest(t *testing.T) {
	g := newDeletedOwners(3)
	g.add("", "nobody")
	for i := range 5 {
		g.add(types.UID(fmt.Sprint(i)), fmt.Sprint("owner ", i))
		g.add(types.UID(fmt.Sprint(i)), "of the same object again")
	}
	for i := range 5 {
		want := ""
		if i >= 2 {
			want = fmt.Sprint("owner ", i)
		}
		if got := g.owner(types.UID(fmt.Sprint(i))); got != want {
			t.Errorf("object %d belonged to %q; want %q", i, got, want)
		}
	}
}
