package flinkspec_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openweir/weir/control/flinkspec"
	"github.com/openweir/weir/openjson"
)

func TestServiceAccounts(t *testing.T) {
	for name, test := range map[string]struct {
		spec string
		want []flinkspec.ServiceAccount
	}{
		"none":             {`{"podTemplate":{"spec":{"containers":[]}}}`, nil},
		"of the cluster":   {`{"serviceAccount":"flink"}`, []flinkspec.ServiceAccount{{"serviceAccount", "flink"}}},
		"empty":            {`{"serviceAccount":"","podTemplate":{"spec":{"serviceAccountName":null}}}`, nil},
		"of pod templates": {`{"podTemplate":{"spec":{"serviceAccountName":"a"}},"jobManager":{"podTemplate":{"spec":{"serviceAccount":"b"}}},"taskManager":{"podTemplate":{"spec":{"serviceAccountName":"c"}}}}`, []flinkspec.ServiceAccount{{"podTemplate.spec.serviceAccountName", "a"}, {"jobManager.podTemplate.spec.serviceAccount", "b"}, {"taskManager.podTemplate.spec.serviceAccountName", "c"}}},
		"of options":       {`{"flinkConfiguration":{"kubernetes":{"taskmanager":{"service-account":"d"}}}}`, []flinkspec.ServiceAccount{{"flinkConfiguration[kubernetes.taskmanager.service-account]", "d"}}},
		"not text":         {`{"serviceAccount":{"name":"x"}}`, []flinkspec.ServiceAccount{{"serviceAccount", `{"name":"x"}`}}},
	} {
		t.Run(name, func(t *testing.T) {
			spec, err := openjson.ParseText(test.spec)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, flinkspec.ServiceAccounts(spec)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
