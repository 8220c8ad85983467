package flinkspec

import (
	"github.com/openweir/weir/flink"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	"github.com/openweir/weir/openjson"
)

// SpecInForce is the specification that the operator carried out last for the
// resource with the uid, which it keeps in the status of the FlinkDeployment.
// It is nil until the operator has taken up the first, and everything may
// change.
func SpecInForce(reported *storev1.StatusRecord, uid string) openjson.Object {
	parsed, err := openjson.ParseText(reported.GetStatus())
	if err != nil || reported.GetOwnerUid() != uid {
		return nil
	}
	return flink.RecordedSpec(openjson.String(parsed, "reconciliationStatus", "lastReconciledSpec"))
}
