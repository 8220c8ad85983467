package application

import (
	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/flinkspec"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	"github.com/openweir/weir/openjson"
)

// renew returns the record that the next one of an application is planned from. After
// a restore of etcd from a backup, the cluster may have newer generations than the
// record. If it has, the savepoints that the record names are not those that the job
// was started from or stopped with last, and no job must go back to them. It does not
// change before, which is nil for a new application.
func (a *Applications) renew(at store.Reader, before *store.Object[*storev1.ApplicationRecord], reported *storev1.StatusRecord) *store.Object[*storev1.ApplicationRecord] {
	record := before.Message()
	generation := a.ownership.NextGeneration(at, record.GetGeneration()) - 1
	if before == nil || generation == record.GetGeneration() {
		return before
	}
	after := proto.CloneOf(record)
	after.Generation = generation
	if resource.IsBehind(metadataOf(record).GetUid(), record.GetGeneration(), reported) {
		after.Start, after.Suspension, after.Adoption = nil, nil, nil
	}
	return store.NewObject(before.Key, after)
}

// continueRunning lets the job that runs go on as the instance that begins, if it runs
// what the plan says. inForce is the specification that it runs.
func (p *Plan) continueRunning(inForce openjson.Object) {
	running, marks := withoutMarks(inForce)
	if p.Instance == nil || p.Record.GetStart() != nil || len(running) == 0 || flinkspec.Upgrades(running, p.Effective) {
		return
	}
	p.Record.Adoption = &storev1.Adoption{Instance: p.Record.GetInstance(), PodAnnotations: marks}
}
