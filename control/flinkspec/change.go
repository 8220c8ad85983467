package flinkspec

import (
	"encoding/json"
	"maps"
	"math/big"

	"github.com/openweir/weir/flink"
	"github.com/openweir/weir/openjson"
)

// Upgrades tells whether the operator would stop a job that runs with one effective
// specification and start it again for another. job.state does not count, and
// other changes that the operator passes over or carries out in place do not.
func Upgrades(from, to openjson.Object) bool {
	before, after := operatorFields(from), operatorFields(to)
	fields := maps.Clone(before)
	maps.Copy(fields, after)
	standalone := openjson.String(to, "mode") == flink.Standalone
	for field := range fields {
		if !sameValue(before[field], after[field]) && flink.ChangeOf(field, after[field], standalone) >= flink.ChangeUpgrade {
			return true
		}
	}
	return false
}

// operatorFields are the fields of a specification that matter for a restart.
func operatorFields(spec openjson.Object) map[string]any {
	fields := flink.Fields(spec)
	delete(fields, "job.state")
	if _, isJob := spec["job"].(openjson.Object); isJob && fields["job.upgradeMode"] == nil {
		fields["job.upgradeMode"] = flink.UpgradeStateless
	}
	return fields
}

// sameValue compares values as an API server does: numbers by what they mean, and
// a null is no value.
func sameValue(a, b any) bool {
	switch a := a.(type) {
	case openjson.Object:
		b, ok := b.(openjson.Object)
		return ok && sameObject(a, b)
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !sameValue(a[i], b[i]) {
				return false
			}
		}
		return true
	case json.Number:
		b, ok := b.(json.Number)
		return ok && (a == b || sameNumber(a, b))
	}
	switch b.(type) {
	case openjson.Object, []any:
		return false
	}
	return a == b
}

func sameObject(a, b openjson.Object) bool {
	for key, value := range a {
		if !sameValue(value, b[key]) {
			return false
		}
	}
	for key, value := range b {
		if _, compared := a[key]; !compared && value != nil {
			return false
		}
	}
	return true
}

func sameNumber(a, b json.Number) bool {
	x, ok := new(big.Rat).SetString(a.String())
	y, alsoOK := new(big.Rat).SetString(b.String())
	return ok && alsoOK && x.Cmp(y) == 0
}
