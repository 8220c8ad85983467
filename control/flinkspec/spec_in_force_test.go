package flinkspec_test

import (
	"testing"

	"github.com/openweir/weir/control/flinkspec"
	"github.com/openweir/weir/flink/podsecurity"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	"github.com/openweir/weir/openjson"
)

func TestSpecInForce(t *testing.T) {
	const recorded = `{"reconciliationStatus":{"lastReconciledSpec":"{\"spec\":{\"mode\":\"native\"},\"resource_metadata\":{\"firstDeployment\":false}}"}}`
	for name, test := range map[string]struct {
		status, owner string
		want          openjson.Object
	}{
		"carried out":                 {recorded, "u-1", openjson.Object{"mode": "native"}},
		"of a resource of before":     {recorded, "u-0", nil},
		"nothing reported":            {``, "u-1", nil},
		"nothing carried out":         {`{"reconciliationStatus":{"state":"UPGRADING"}}`, "u-1", nil},
		"a record that is no JSON":    {`{"reconciliationStatus":{"lastReconciledSpec":"{"}}`, "u-1", nil},
		"a record of something else":  {`{"reconciliationStatus":{"lastReconciledSpec":"{\"spec\":1}"}}`, "u-1", nil},
		"a status that is no such":    {`{"reconciliationStatus":1}`, "u-1", nil},
		"a record that is not a text": {`{"reconciliationStatus":{"lastReconciledSpec":{}}}`, "u-1", nil},
	} {
		t.Run(name, func(t *testing.T) {
			same(t, flinkspec.SpecInForce(&storev1.StatusRecord{Status: test.status, OwnerUid: test.owner}, "u-1"), test.want)
		})
	}
}

func TestCheckChange(t *testing.T) {
	same(t, messages(t, flinkspec.CheckChange(object(t, `{}`), object(t, `{"mode":"standalone"}`))),
		[]string{"spec.mode: cannot change after the cluster was deployed: it is native"})
	cluster := object(t, `{"flinkVersion":"v2_0","serviceAccount":"flink","mode":"standalone","job":{"parallelism":1}}`)
	same(t, messages(t, flinkspec.CheckClusterSpec(nil, cluster, podsecurity.Baseline)), []string(nil))
	same(t, messages(t, flinkspec.CheckClusterSpec(object(t, `{}`), cluster, podsecurity.Baseline)),
		[]string{"spec.clusterSpec.mode: cannot change after the cluster was deployed: it is native"})
}
