package resource_test

import (
	"strings"
	"testing"

	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/store/storetest"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// A report on an application can be stored when that has been deleted and another one
// of the name was created.
func TestTheStatusOfAnotherOwnerIsNotShown(t *testing.T) {
	r := startReplica(t, storetest.Etcd(t))
	r.putEnvironment(t, "prod")
	r.commit(t, r.putApplication("orders", "1"), func(tx *store.Tx) {
		r.applications.Status.Put(tx, "prod/orders", &storev1.StatusRecord{
			OwnerUid: "uid-of-another", JobState: "FAILED", Status: `{"jobStatus":{"state":"FAILED"}}`,
		})
	})
	client := cmfv1.NewApplicationServiceClient(r.conn)
	app, err := client.GetApplication(t.Context(), &cmfv1.GetApplicationRequest{EnvName: "prod", AppName: "orders"})
	if err != nil {
		t.Fatal(err)
	}
	if got := app.GetStatus().GetJson(); strings.Contains(got, "FAILED") {
		t.Errorf("GetApplication shows the status %s", got)
	}
	for _, filter := range []string{"", "state=FAILED"} {
		page, err := client.ListApplications(t.Context(), &cmfv1.ListApplicationsRequest{EnvName: "prod", Filter: filter})
		if err != nil {
			t.Fatal(err)
		}
		for _, app := range page.GetItems() {
			if got := app.GetStatus().GetJson(); strings.Contains(got, "FAILED") || filter != "" {
				t.Errorf("ListApplications with the filter %q shows the status %q", filter, got)
			}
		}
	}
}
