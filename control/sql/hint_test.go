package sql_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openweir/weir/control/sql"
)

func TestHintOptions(t *testing.T) {
	got, err := sql.HintOptions("SELECT /*+ BROADCAST(a) */ * FROM a /*+ OPTIONS('x'='1', 'y.z' = '2') */ JOIN b /*+ options('x'='3',plain='4') */ -- /*+ OPTIONS('no'='1') */")
	want := map[string][]string{"x": {"1", "3"}, "y.z": {"2"}, "plain": {"4"}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v; want -, got +:\n%s", err, diff)
	}
	for _, text := range []string{`SELECT 1 FROM a /*+ OPTIONS(U&'\0070'='1') */`, "SELECT 1 FROM a /*+ OPTIONS('x'='1) */"} {
		if got, err := sql.HintOptions(text); err == nil {
			t.Errorf("%s: got %v, want an error", text, got)
		}
	}
}
