package backup

import (
	"strings"
	"testing"
)

func TestVersionsOfEtcd(t *testing.T) {
	for stored, want := range map[string]string{
		"":       "", // before 3.6, etcd did not store it
		"3.6.0":  "",
		"3.7.0":  "",
		"3.99.0": "it was written by etcd 3.99, and this release of Weir knows etcd up to 3.",
		"4.0.0":  "it was written by etcd 4.0",
		"new":    `the version of its storage is "new"`,
	} {
		err := checkVersion(stored)
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("version %q: the error is %v, want %q", stored, err, want)
		}
	}
}
