//go:build flink

package sqldriver

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openweir/weir/agent/sql"
	"github.com/openweir/weir/integration/realflink/session"
)

// atoms are values of every atomic type, with the types that Flink gives them.
var atoms = []struct{ value, dataType string }{
	{"TRUE", `{"type":"BOOLEAN","nullable":false}`},
	{"CAST(-1 AS TINYINT)", `{"type":"TINYINT","nullable":false}`},
	{"CAST(300 AS SMALLINT)", `{"type":"SMALLINT","nullable":false}`},
	{"70000", `{"type":"INTEGER","nullable":false}`},
	{"9223372036854775807", `{"type":"BIGINT","nullable":false}`},
	{"CAST(1.5 AS FLOAT)", `{"type":"FLOAT","nullable":false}`},
	{"CAST(123456789 AS FLOAT)", `{"type":"FLOAT","nullable":false}`},
	{"CAST(1e300 AS DOUBLE)", `{"type":"DOUBLE","nullable":false}`},
	{"CAST('NaN' AS DOUBLE)", `{"type":"DOUBLE","nullable":false}`},
	{"CAST('12345678901234567890.123456789' AS DECIMAL(38, 9))", `{"type":"DECIMAL","nullable":false,"precision":38,"scale":9}`},
	{"CAST('1.1' AS DECIMAL(10, 2))", `{"type":"DECIMAL","nullable":false,"precision":10,"scale":2}`},
	{"CAST('0.0000001' AS DECIMAL(10, 7))", `{"type":"DECIMAL","nullable":false,"precision":10,"scale":7}`},
	{"CAST(1000 AS DECIMAL(10, 0))", `{"type":"DECIMAL","nullable":false,"precision":10,"scale":0}`},
	{"CAST('abc' AS CHAR(5))", `{"type":"CHAR","nullable":false,"length":5}`},
	{"CAST('a\"b, ''c''' AS VARCHAR(20))", `{"type":"VARCHAR","nullable":false,"length":20}`},
	{"CAST('日本' AS STRING)", `{"type":"VARCHAR","nullable":false,"length":2147483647}`},
	{"DATE '2026-01-02'", `{"type":"DATE","nullable":false}`},
	{"TIME '12:13:14'", `{"type":"TIME_WITHOUT_TIME_ZONE","nullable":false,"precision":0}`},
	{"TIMESTAMP '2026-01-01 00:00:00.123456789'", `{"type":"TIMESTAMP_WITHOUT_TIME_ZONE","nullable":false,"precision":9}`},
	{"CAST(TIMESTAMP '2026-01-01 00:00:00.12' AS TIMESTAMP(6))", `{"type":"TIMESTAMP_WITHOUT_TIME_ZONE","nullable":false,"precision":6}`},
	{"CAST(TIMESTAMP '2026-01-01 00:00:00' AS TIMESTAMP(0))", `{"type":"TIMESTAMP_WITHOUT_TIME_ZONE","nullable":false,"precision":0}`},
	{"TO_TIMESTAMP_LTZ(1751371200500, 3)", `{"type":"TIMESTAMP_WITH_LOCAL_TIME_ZONE","nullable":true,"precision":3}`},
	{"INTERVAL '1-3' YEAR TO MONTH", `{"type":"INTERVAL_YEAR_MONTH","nullable":false,"precision":2,"resolution":"MONTH"}`},
	{"INTERVAL '1 02:03:04.567' DAY TO SECOND(3)", `{"type":"INTERVAL_DAY_TIME","nullable":false,"precision":2,"resolution":"SECOND","fractionalPrecision":3}`},
	{"CAST(NULL AS STRING)", `{"type":"VARCHAR","nullable":true,"length":2147483647}`},
}

// types holds cells of every kind to what CAST(... AS STRING) makes of the same
// values, and the types of columns to the contract's form.
func types(t *testing.T, cluster *session.Cluster) {
	a := start(t, cluster)
	var values, casts, want []string
	for i, atom := range atoms {
		values = append(values, fmt.Sprintf("%s AS v%d", atom.value, i))
		casts = append(casts, fmt.Sprintf("CAST(%s AS STRING) AS c%d", atom.value, i))
		want = append(want, atom.dataType)
	}
	nested := []struct{ value, dataType, cell string }{
		{"X'0102ff'", `{"type":"BINARY","nullable":false,"length":3}`, `"x'0102ff'"`},
		{"CAST(X'00' AS BYTES)", `{"type":"VARBINARY","nullable":false,"length":2147483647}`, `"x'00'"`},
		{"ARRAY[1, NULL, 3]", `{"type":"ARRAY","nullable":false,"elementType":{"type":"INTEGER","nullable":true}}`, `["1",null,"3"]`},
		{"MAP['k', 1]", `{"type":"MAP","nullable":false,"keyType":{"type":"CHAR","nullable":false,"length":1},"valueType":{"type":"INTEGER","nullable":false}}`, `[["k","1"]]`},
		{"CAST(ROW(1, 'x', CAST(NULL AS INT)) AS ROW<i INT, s STRING, n INT>)", `{"type":"ROW","nullable":false,"fields":[{"name":"i","fieldType":{"type":"INTEGER","nullable":true}},` +
			`{"name":"s","fieldType":{"type":"VARCHAR","nullable":true,"length":2147483647}},{"name":"n","fieldType":{"type":"INTEGER","nullable":true}}]}`, `["1","x",null]`},
		{"ARRAY[MAP['d', DATE '2026-01-01']]", `{"type":"ARRAY","nullable":false,"elementType":{"type":"MAP","nullable":false,` +
			`"keyType":{"type":"CHAR","nullable":false,"length":1},"valueType":{"type":"DATE","nullable":false}}}`, `[[["d","2026-01-01"]]]`},
	}
	for i, n := range nested {
		casts = append(casts, fmt.Sprintf("%s AS n%d", n.value, i))
	}
	a.apply(statement{name: "types", spec: sql.Spec{
		Statement:     "SELECT " + strings.Join(append(values, casts...), ", "),
		Configuration: map[string]string{"table.local-time-zone": "Europe/Berlin"},
	}})
	var row struct{ Row []json.RawMessage }
	if err := json.Unmarshal([]byte(a.read("types", 1)[0]), &row); err != nil {
		t.Fatal(err)
	}
	for i, atom := range atoms {
		if got, cast := string(row.Row[i]), string(row.Row[len(atoms)+i]); got != cast {
			t.Errorf("%s is %s, and cast to a string it is %s", atom.value, got, cast)
		}
	}
	columns := a.status("types").Traits.Schema.Columns
	for i, n := range nested {
		at := 2*len(atoms) + i
		if got := string(row.Row[at]); got != n.cell {
			t.Errorf("%s is %s, want %s", n.value, got, n.cell)
		}
		columns[len(atoms)+i] = columns[at]
		want = append(want, n.dataType)
	}
	var got []string
	for _, column := range columns[:len(want)] {
		got = append(got, canonical(t, column.Type))
	}
	for i := range want {
		want[i] = canonical(t, json.RawMessage(want[i]))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the types of the columns (-want +got):\n%s", diff)
	}
}

func canonical(t *testing.T, text json.RawMessage) string {
	t.Helper()
	var value any
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&value); err != nil {
		t.Fatalf("read %s: %v", text, err)
	}
	out, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// mapsOfNumbers: Flink's gateway cannot write these as JSON.
func mapsOfNumbers(t *testing.T, cluster *session.Cluster) {
	a := start(t, cluster)
	a.apply(statement{name: "maps", spec: sql.Spec{
		Statement: "SELECT MAP[1, 'a', 2, 'b'], COLLECT(x), CAST(X'01' AS BYTES), TRUE FROM (VALUES (7), (7)) AS t (x) GROUP BY ()",
	}})
	s := a.reaches("maps", "over", func(s status) bool { return s.LifecycleState == "FAILED" || s.JobStatus.State == "FINISHED" })
	rows := a.read("maps", 1)
	last := rows[len(rows)-1]
	if want := `"row":[[["1","a"],["2","b"]],[["7","2"]],"x'01'","TRUE"]}`; !strings.HasSuffix(last, want) {
		t.Errorf("the last row is %s, want %s; the status is %+v", last, want, s)
	}
}
