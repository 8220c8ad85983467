package control_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/openweir/weir/control/store/storetest"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/internal/await"
)

// The defaults of an environment that make an application too large to be stored harm
// no other application, and an event of the application says so.
func TestAnApplicationThatDefaultsMakeTooLargeHarmsNoOther(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "first")
	r.saveEnvironment(t, "second")
	large := fmt.Sprintf(`{"image":"flink:1.20","flinkVersion":"v1_20","serviceAccount":"flink",`+memory+
		`,"job":{"jarURI":"local:///opt/job.jar","parallelism":2,"state":"running","upgradeMode":"stateless","args":[%q]}}`, storetest.Noise(600<<10))
	r.saveApplication(t, "first", "large", large)
	r.saveApplication(t, "first", "other", running)
	r.saveApplication(t, "second", "innocent", running)
	for _, name := range []string{"large", "other", "innocent"} {
		a.awaitApply(name, 1)
	}

	r.saveEnvironment(t, "first", defaults(fmt.Sprintf(`{"spec":{"logConfiguration":{"log4j-console.properties":%q}}}`, storetest.Noise(900<<10))))
	r.saveEnvironment(t, "second", defaults(`{"spec":{"image":"flink:hardened"}}`))
	a.awaitApply("other", 2) // of the same environment
	a.awaitApply("innocent", 2)
	await.Success(t, "the event", func() error {
		events, err := r.events.ListApplicationEvents(t.Context(), &cmfv1.ListApplicationEventsRequest{EnvName: "first", AppName: "large"})
		if err != nil {
			return err
		}
		for _, event := range events.GetItems() {
			if strings.Contains(event.GetStatus().GetMessage(), "The environment's defaults cannot be applied: the application would be too large") {
				return nil
			}
		}
		return fmt.Errorf("the events are %v", events.GetItems())
	})
}
