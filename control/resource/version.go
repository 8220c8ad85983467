package resource

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Version is a place in the history: behind all changes of the revisions before
// Revision, and behind as many of its own as Index says; behind all of them
// where Index is 0. The zero Version is now.
type Version struct {
	Revision int64
	// Index counts the keys that the transaction touched, in order, whether or not
	// clients saw a change of them.
	Index int
}

// String is the version as clients get it; empty for the zero Version.
func (v Version) String() string {
	if v == (Version{}) {
		return ""
	}
	if v.Index == 0 {
		return strconv.FormatInt(v.Revision, 10)
	}
	return fmt.Sprintf("%d.%d", v.Revision, v.Index)
}

var errVersion = errors.New("is not a version that a watch has returned")

// ParseVersion undoes String. The empty text is the zero Version.
func ParseVersion(text string) (Version, error) {
	if text == "" {
		return Version{}, nil
	}
	revision, index, divided := strings.Cut(text, ".")
	v := Version{}
	var err error
	if v.Revision, err = strconv.ParseInt(revision, 10, 64); err != nil || v.Revision < 1 {
		return Version{}, errVersion
	}
	if divided {
		if v.Index, err = strconv.Atoi(index); err != nil || v.Index < 1 {
			return Version{}, errVersion
		}
	}
	// One spelling only: what clients compare must be equal. Nothing is within
	// etcd's first revision, and before it would be the zero Version.
	if v.String() != text || v.Index > 0 && v.Revision == 1 {
		return Version{}, errVersion
	}
	return v, nil
}

// base is the revision that all of it has to be known from.
func (v Version) base() int64 {
	if v.Index > 0 {
		return v.Revision - 1
	}
	return v.Revision
}
