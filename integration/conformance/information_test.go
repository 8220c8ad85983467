package conformance

import "testing"

func TestInformation(t *testing.T) { hold(t, informationLines) }

var informationLines = []line{
	{clause: "GET /cmf/api/v1/system-information 200", when: "the build", says: []string{"version"}},
	{
		clause: "GET /cmf/api/v1/resource-information 200", when: "the existing resources", given: []step{running, secret, catalog, detached, showing},
		then: all(has("status.resources.kubernetesClusters.CONNECTED", 2.0), counted("environments"), counted("secrets"), counted("catalogs"),
			counted("detachedSavepoints"), counted("computePools"), counted("applications.RUNNING"), counted("statements.COMPLETED")),
		says: []string{"cpu", "memory", "savepoints"},
	},
	{clause: "GET /cmf/api/v1/c3/license 200", when: "the license", then: all(has("status.status", "VALID"), lacking("status.expiration"))},
}

// counted is a check of a line: there is one at least.
func counted(kind string) func(*scene, answer) {
	return func(s *scene, a answer) {
		s.t.Helper()
		if n, _ := a.at("status.resources." + kind).(float64); n < 1 {
			s.t.Errorf("%s: %s is %v, want at least 1", a.request, kind, n)
		}
	}
}
