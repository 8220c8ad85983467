package flinkspec_test

import (
	"testing"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/flinkspec"
)

func TestSavepointStart(t *testing.T) {
	whole := flinkspec.SavepointReference{Path: "s3://x/sp", AllowNonRestoredState: true, Nonce: "9007199254740993"}
	for name, test := range map[string]struct {
		spec string
		want flinkspec.SavepointReference
		ok   bool
	}{
		"under job":           {spec: `{"job":{"startFromSavepoint":{"initialSavepointPath":"s3://x/sp","allowNonRestoredState":true,"savepointRedeployNonce":9007199254740993}}}`, want: whole, ok: true},
		"beside job":          {spec: `{"job":{},"startFromSavepoint":{"initialSavepointPath":"s3://x/sp","allowNonRestoredState":true,"savepointRedeployNonce":"9007199254740993"}}`, want: whole, ok: true},
		"by name":             {spec: `{"startFromSavepoint":{"savepointName":"nightly"}}`, want: flinkspec.SavepointReference{Name: "nightly"}, ok: true},
		"by uid":              {spec: `{"startFromSavepoint":{"uid":"u-1"}}`, want: flinkspec.SavepointReference{UID: "u-1"}, ok: true},
		"no instruction":      {spec: `{"job":{}}`},
		"a null instruction":  {spec: `{"job":{"startFromSavepoint":null}}`},
		"an empty one":        {spec: `{"job":{"startFromSavepoint":{"savepointRedeployNonce":1}}}`, want: flinkspec.SavepointReference{Nonce: "1"}},
		"no specification":    {spec: ``},
		"a job that is none":  {spec: `{"job":"x"}`},
		"an instruction none": {spec: `{"startFromSavepoint":"s3://x/sp"}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := flinkspec.SavepointStart(object(t, test.spec))
			same(t, got, test.want)
			same(t, ok, test.ok)
		})
	}
}

func TestCheckSavepointStart(t *testing.T) {
	const under = "spec.job.startFromSavepoint"
	for name, test := range map[string]struct {
		spec string
		want []string
	}{
		"right":              {spec: `{"job":{"startFromSavepoint":{"uid":"u","allowNonRestoredState":false,"savepointRedeployNonce":"-3"}}}`},
		"null":               {spec: `{"startFromSavepoint":null,"job":{"startFromSavepoint":{"savepointName":"a","uid":null}}}`},
		"not an object":      {`{"startFromSavepoint":"s3://x"}`, []string{"spec.startFromSavepoint: must be an object"}},
		"of no savepoint":    {`{"job":{"startFromSavepoint":{"uid":""}}}`, []string{under + ": must name a savepoint by savepointName, uid or initialSavepointPath"}},
		"in both places":     {`{"startFromSavepoint":{"uid":"a"},"job":{"startFromSavepoint":{"uid":"b"}}}`, []string{"spec.startFromSavepoint: must not be given both here and as spec.job.startFromSavepoint"}},
		"fields of no type":  {`{"job":{"startFromSavepoint":{"initialSavepointPath":1,"allowNonRestoredState":"yes","savepointRedeployNonce":1.5}}}`, []string{under + ".initialSavepointPath: must be a string", under + ".allowNonRestoredState: must be true or false", under + ".savepointRedeployNonce: must be an integer"}},
		"a nonce of no size": {`{"job":{"startFromSavepoint":{"uid":"a","savepointRedeployNonce":9223372036854775808}}}`, []string{under + ".savepointRedeployNonce: must be an integer"}},
	} {
		t.Run(name, func(t *testing.T) {
			var v apierror.Violations
			flinkspec.CheckInstructions(&v, object(t, test.spec))
			same(t, messages(t, v.Invalid()), test.want)
		})
	}
}
