package seal_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openweir/weir/control/seal"
)

func keys(t *testing.T) ([]byte, *seal.Keys) {
	t.Helper()
	text, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return text, parse(t, text)
}

func parse(t *testing.T, text []byte) *seal.Keys {
	t.Helper()
	k, err := seal.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func sealed(t *testing.T, k *seal.Keys, place, value string) string {
	t.Helper()
	s, err := k.Seal(place, value)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAValueIsDecryptedOnlyInItsPlaceAndWithItsKey(t *testing.T) {
	_, k := keys(t)
	_, other := keys(t)
	s := sealed(t, k, "secrets/a/password", "hunter2")
	if strings.Contains(s, "hunter2") {
		t.Fatalf("the sealed value %q shows its content", s)
	}
	if got, err := k.Open("secrets/a/password", s); err != nil || got != "hunter2" {
		t.Errorf("open in place: got %q, %v", got, err)
	}
	for name, open := range map[string]func() (string, error){
		"in another place":   func() (string, error) { return k.Open("secrets/b/password", s) },
		"with another key":   func() (string, error) { return other.Open("secrets/a/password", s) },
		"changed":            func() (string, error) { return k.Open("secrets/a/password", s[:len(s)-5]+"AAAA=") },
		"plain text":         func() (string, error) { return k.Open("secrets/a/password", "hunter2") },
		"without any key":    func() (string, error) { return (*seal.Keys)(nil).Open("secrets/a/password", s) },
		"with an empty text": func() (string, error) { return k.Open("secrets/a/password", "") },
	} {
		if got, err := open(); err == nil {
			t.Errorf("open %s: got %q, want an error", name, got)
		}
	}
}

func TestSealingTwiceGivesDifferentTexts(t *testing.T) {
	_, k := keys(t)
	first, second := sealed(t, k, "p", "v"), sealed(t, k, "p", "v")
	if first == second {
		t.Error("equal values can be told to be equal")
	}
}

// TestRotation: a key is added, promoted, and the old one dropped.
func TestRotation(t *testing.T) {
	text, old := keys(t)
	before := sealed(t, old, "p", "v")
	added := must(seal.Add(text))(t)
	listed := must(seal.List(added))(t)
	if len(listed) != 2 || !listed[0].Primary || listed[1].Primary {
		t.Fatalf("after adding a key, the keyset has %v", listed)
	}
	oldID, newID := listed[0].ID, listed[1].ID
	with := parse(t, added)
	if !with.Current(before) || !with.Current(sealed(t, with, "p", "v")) {
		t.Error("a key that was added seals already")
	}

	promoted := must(seal.Promote(added, newID))(t)
	rotated := parse(t, promoted)
	if got, err := rotated.Open("p", before); err != nil || got != "v" {
		t.Errorf("open with the promoted key: got %q, %v", got, err)
	}
	if !old.Current(before) || rotated.Current(before) {
		t.Errorf("current: with the old keyset %v, want true; with the rotated one %v, want false", old.Current(before), rotated.Current(before))
	}
	after := sealed(t, rotated, "p", "v")
	if !rotated.Current(after) {
		t.Error("what the promoted key seals is not current")
	}
	if got, err := with.Open("p", after); err != nil || got != "v" {
		t.Errorf("a replica that has the key added only: got %q, %v", got, err)
	}
	if _, err := old.Open("p", after); err == nil {
		t.Error("the old keyset opens what the new key sealed")
	}
	if id, missing := old.Missing(after); !missing || id != newID {
		t.Errorf("the old keyset lacks key %d: %v, want %d", id, missing, newID)
	}

	if _, err := seal.Drop(promoted, newID); err == nil {
		t.Error("the primary key was dropped")
	}
	dropped := parse(t, must(seal.Drop(promoted, oldID))(t))
	if id, missing := dropped.Missing(before); !missing || id != oldID {
		t.Errorf("without the old key, %d is missing: %v, want %d", id, missing, oldID)
	}
	if _, missing := dropped.Missing(after); missing {
		t.Error("the primary key is missing")
	}
	if _, err := seal.Promote(promoted, 7); err == nil {
		t.Error("a key that is not there was promoted")
	}
}

func must[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func TestMissingKeysHaveTheirOwnError(t *testing.T) {
	if _, err := new(seal.Keys).Seal("p", "v"); !errors.Is(err, seal.ErrNoKey) {
		t.Errorf("got %v, want %v", err, seal.ErrNoKey)
	}
}

func TestAKeysetFileIsCreatedOnceWithOwnerOnlyPermissions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keyset.json")
	if _, err := seal.FromFile(path, false); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("without create: got %v, want %v", err, os.ErrNotExist)
	}
	first, err := seal.FromFile(path, true)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode is %v, want 0600", info.Mode().Perm())
	}
	second, err := seal.FromFile(path, true)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := second.Open("p", sealed(t, first, "p", "v")); err != nil || got != "v" {
		t.Errorf("the second reading has other keys: got %q, %v", got, err)
	}
}

func TestAnInvalidKeysetIsRejected(t *testing.T) {
	for _, text := range []string{"", "{}", "hunter2", `{"key":[]}`} {
		if _, err := seal.Parse([]byte(text)); err == nil {
			t.Errorf("parse %q: want an error", text)
		}
	}
}
