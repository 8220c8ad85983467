package catalog

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/seal"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// sealing seals and opens the sensitive values of the connection of a catalog or a
// database.
type sealing struct {
	keys *seal.Keys
	// place is what values are sealed for, with the name of the option.
	place string
}

func (c *Catalogs) catalogSealing(catalog string) sealing {
	return sealing{c.keys, "catalogs/" + catalog}
}

func (c *Catalogs) databaseSealing(catalog, database string) sealing {
	return sealing{c.keys, "databases/" + catalog + "/" + database}
}

// seal returns a connection as it is stored. before is the stored one, nil for a new
// resource: a value that equals the mask is one that a client read and sent back,
// and stands for the stored value. field names the connection in errors.
func (s sealing) seal(field string, given, before *cmfv1.StringMap) (*cmfv1.StringMap, error) {
	if given == nil {
		return nil, nil
	}
	var v apierror.Violations
	changed := changedEndpoint(given, before)
	out := &cmfv1.StringMap{Entries: maps.Clone(given.GetEntries())}
	for _, key := range slices.Sorted(maps.Keys(given.GetEntries())) {
		value := given.GetEntries()[key]
		stored, known := before.GetEntries()[key]
		option := fmt.Sprintf("%s[%q]", field, key)
		switch masked := value == contract.Mask && (isSensitive(key, value) || isSensitive(key, stored)); {
		case !masked && !isSensitive(key, value):
			continue
		case masked && !known:
			v.Addf("%s: is masked, but there is no stored value that the mask stands for", option)
			continue
		case masked && changed != "" && key != changed:
			// Otherwise a stored password could be sent to a server of the caller's choice.
			v.Addf("%s: must be given again and not masked, since %s changes", option, changed)
			continue
		case masked && (seal.IsSealed(stored) || !s.keys.Available()), s.keys.Seals(s.placeOf(key), stored, value):
			out.Entries[key] = stored
			continue
		case masked:
			value = stored // from before sensitive values were sealed
		}
		text, err := s.keys.Seal(s.placeOf(key), value)
		if errors.Is(err, seal.ErrNoKey) {
			v.Addf("%s: is sensitive and cannot be stored, since the control plane has no encryption keys: use a secret with connectionSecretId, or configure --keyset", option)
			continue
		}
		if err != nil {
			return nil, err
		}
		out.Entries[key] = text
	}
	if err := v.Unprocessable(); err != nil {
		return nil, err
	}
	return out, nil
}

// changedEndpoint returns an option by which an update sends the stored credentials to
// other servers; empty if there is none.
func changedEndpoint(given, before *cmfv1.StringMap) string {
	for _, key := range slices.Sorted(maps.Keys(given.GetEntries())) {
		value, stored := given.GetEntries()[key], before.GetEntries()[key]
		if isEndpoint(key) && value != stored && !(value == contract.Mask && isSensitive(key, stored)) {
			return key
		}
	}
	return ""
}

// placeOf is what the value of an option is sealed for.
func (s sealing) placeOf(key string) string { return s.place + "/" + key }

// open returns a connection with its sensitive values.
func (s sealing) open(stored *cmfv1.StringMap) (map[string]string, error) {
	out := make(map[string]string, len(stored.GetEntries()))
	for key, value := range stored.GetEntries() {
		if seal.IsSealed(value) {
			var err error
			if value, err = s.keys.Open(s.placeOf(key), value); err != nil {
				return nil, err
			}
		}
		out[key] = value
	}
	return out, nil
}

// sealedValues are those of a connection that are sealed.
func sealedValues(stored *cmfv1.StringMap) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, value := range stored.GetEntries() {
			if seal.IsSealed(value) && !yield(value) {
				return
			}
		}
	}
}

// resealed is a connection with every sealed value under the current key.
func (s sealing) resealed(stored *cmfv1.StringMap) (*cmfv1.StringMap, error) {
	out := proto.CloneOf(stored)
	for key, value := range stored.GetEntries() {
		if !seal.IsSealed(value) {
			continue
		}
		var err error
		if out.Entries[key], err = s.keys.Reseal(s.placeOf(key), value); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// masked is a connection as users see it.
func masked(stored *cmfv1.StringMap) *cmfv1.StringMap {
	if stored == nil {
		return nil
	}
	out := &cmfv1.StringMap{Entries: make(map[string]string, len(stored.GetEntries()))}
	for key, value := range stored.GetEntries() {
		if isSensitive(key, value) {
			value = contract.Mask
		}
		out.Entries[key] = value
	}
	return out
}

// public is a connection without its sensitive values.
func public(stored *cmfv1.StringMap) map[string]string {
	out := maps.Clone(stored.GetEntries())
	maps.DeleteFunc(out, isSensitive)
	return out
}

// needsSecret is true for a connection that has sensitive values.
func needsSecret(id string, stored *cmfv1.StringMap) bool {
	return id != "" || len(public(stored)) < len(stored.GetEntries())
}
