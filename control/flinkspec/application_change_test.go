package flinkspec_test

import (
	"testing"

	"github.com/openweir/weir/control/flinkspec"
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
	const (
		sleeping = `{"flinkVersion":"v1_19","job":{"state":"suspended","upgradeMode":"last-state"}}`
		version  = "spec.flinkVersion: cannot change while the job is suspended by last-state: start it with v1_19 first, and change the version then"
		redeploy = "spec.job.savepointRedeployNonce: needs spec.job.initialSavepointPath where it changes"
	)
	for name, test := range map[string]struct {
		inForce, spec string
		want          []string
	}{
		"nothing in force":            {``, `{"mode":"standalone","job":{"savepointRedeployNonce":1}}`, nil},
		"native said at last":         {`{}`, `{"mode":"native"}`, nil},
		"another mode":                {`{}`, `{"mode":"standalone"}`, []string{"spec.mode: cannot change once the cluster was deployed, it is native"}},
		"and back":                    {`{"mode":"standalone"}`, `{"mode":null}`, []string{"spec.mode: cannot change once the cluster was deployed, it is standalone"}},
		"another version":             {`{"flinkVersion":"v1_19","job":{"upgradeMode":"last-state"}}`, `{"flinkVersion":"v1_20","job":{"upgradeMode":"last-state"}}`, nil},
		"another version on resuming": {sleeping, `{"flinkVersion":"v1_20","job":{"upgradeMode":"savepoint"}}`, []string{version}},
		"the same on resuming":        {sleeping, `{"flinkVersion":"v1_19","job":{"upgradeMode":"last-state"}}`, nil},
		"another, without state":      {sleeping, `{"flinkVersion":"v1_20","job":{"upgradeMode":"stateless"}}`, nil},
		"another, by default so":      {sleeping, `{"flinkVersion":"v1_20","job":{}}`, nil},
		"suspended by savepoint":      {`{"flinkVersion":"v1_19","job":{"state":"suspended","upgradeMode":"savepoint"}}`, `{"flinkVersion":"v1_20","job":{"upgradeMode":"savepoint"}}`, nil},
		"a redeploy from nowhere":     {`{"job":{}}`, `{"job":{"savepointRedeployNonce":1,"initialSavepointPath":" "}}`, []string{redeploy}},
		"from somewhere":              {`{"job":{"savepointRedeployNonce":1}}`, `{"job":{"savepointRedeployNonce":2,"initialSavepointPath":"s3://s"}}`, nil},
		"no redeploy":                 {`{"job":{"savepointRedeployNonce":9007199254740993}}`, `{"job":{"savepointRedeployNonce":9007199254740993}}`, nil},
		"the nonce taken away":        {`{"job":{"savepointRedeployNonce":1}}`, `{"job":{}}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var inForce openjson.Object
			if test.inForce != "" {
				inForce = object(t, test.inForce)
			}
			same(t, messages(t, flinkspec.CheckChange(inForce, object(t, test.spec))), test.want)
		})
	}
	same(t, messages(t, flinkspec.CheckClusterChange(object(t, `{}`), object(t, `{"mode":"standalone"}`))),
		[]string{"spec.clusterSpec.mode: cannot change once the cluster was deployed, it is native"})
}
