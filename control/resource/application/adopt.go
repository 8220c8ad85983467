package application

import (
	"fmt"
	"maps"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/flinkspec"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/validate"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

// AdoptAnnotation makes an application, where it is "true", take over the
// FlinkDeployment of its name, whoever's it is. Each FlinkDeployment is taken over
// once: if another installation takes it over later, that one keeps it.
const AdoptAnnotation = validate.MarkPrefix + "adopt"

// reasonOtherOwner is why an agent refuses an object that belongs to another
// resource of this installation, or of one that is not known.
const reasonOtherOwner = "OtherOwner"

// podAnnotations are where a specification names the instance and the origin.
var podAnnotations = []string{"podTemplate", "metadata", "annotations"}

// adopt has an application take over the object that the agent found in place of
// its own: if the user asked for it, or if the object runs just what the application
// says and belongs to a resource that does not exist. It returns the event of it, nil
// if the refusal stands.
func (a *Applications) adopt(tx *store.Tx, record *store.Object[*storev1.ApplicationRecord], report resource.Report) *cmfv1.FlinkApplicationEvent {
	found := report.Ack.GetFound()
	if found == nil || report.Ack.GetGeneration() != record.Value().GetGeneration() {
		return nil
	}
	// The object of a resource that was deleted goes first.
	if a.ownership.Removing(tx, report.Cluster, report.Ref, found.GetOwnerUid()) {
		return nil
	}
	marks, same := a.continues(tx, record, found)
	before := record.Value().GetAdoption()
	// What was taken over once was taken from the application since.
	takenBefore := isComplete(before) && before.GetObjectUid() == found.GetObjectUid()
	asked := asksToAdopt(record.Value().GetApplication()) && !takenBefore
	if !asked && (!same || report.Ack.GetReason() != reasonOtherOwner) {
		return nil
	}
	adoption := &storev1.Adoption{ObjectUid: found.GetObjectUid(), ObjectGeneration: found.GetObjectGeneration()}
	text := "%s '%s' is taken over. Its specification differs from that of the application, so it is upgraded."
	if same {
		adoption.Instance, adoption.PodAnnotations = record.Value().GetInstance(), marks
		text = "%s '%s' is taken over. Its job continues."
	}
	if proto.Equal(adoption, before) {
		return nil // the agent refuses it all the same
	}
	after := proto.CloneOf(record.Value())
	after.Generation = a.ownership.NextGeneration(tx, after.GetGeneration())
	after.Adoption = adoption
	a.Records.Put(tx, record.Key, after)
	return NewEvent(EventCMFStatus, after.GetInstance(), fmt.Sprintf(text, report.Ref.GetKind(), report.Ref.GetName()))
}

// completeAdoption notes that the agent has taken over the object of an adoption, so
// that no later Apply takes it over again. It returns false if the report does not say
// so. The status of the object says it even if the Ack was lost.
func (a *Applications) completeAdoption(tx *store.Tx, record *store.Object[*storev1.ApplicationRecord], report resource.Report) bool {
	adoption, generation := record.Value().GetAdoption(), record.Value().GetGeneration()
	if adoption == nil || isComplete(adoption) {
		return false
	}
	applied := report.Ack.GetOutcome() == agentv1.Outcome_OUTCOME_APPLIED && report.Ack.GetGeneration() == generation
	marked := report.Status.GetObjectUid() == adoption.GetObjectUid() && report.Status.GetGeneration() == generation
	if !applied && !marked {
		return false
	}
	after := proto.CloneOf(record.Value())
	after.Adoption.ObjectGeneration = 0
	a.Records.Put(tx, record.Key, after)
	return true
}

// isComplete reports whether nothing is left to take over.
func isComplete(adoption *storev1.Adoption) bool { return adoption.GetObjectGeneration() == 0 }

func asksToAdopt(app *cmfv1.FlinkApplication) bool {
	return app.GetMetadata().GetAnnotations()[AdoptAnnotation] == "true"
}

// adoptionAfter is the adoption of a record after its application has changed to app.
// Setting or removing the annotation begins anew: what was taken over before can be
// taken over again, and what was not is not. The pods keep their annotations.
func adoptionAfter(before *storev1.ApplicationRecord, app *cmfv1.FlinkApplication) *storev1.Adoption {
	adoption := before.GetAdoption()
	if adoption == nil || asksToAdopt(before.GetApplication()) == asksToAdopt(app) {
		return adoption
	}
	return &storev1.Adoption{Instance: adoption.GetInstance(), PodAnnotations: adoption.GetPodAnnotations()}
}

// continues returns whether the job of an object may go on as the current instance
// of an application, and if so, the annotations that its pods have in place of the
// instance's.
func (a *Applications) continues(at store.Reader, record *store.Object[*storev1.ApplicationRecord], found *agentv1.FoundObject) (map[string]string, bool) {
	current := a.currentSpec(at, record.Key, record.Value())
	if current == nil || record.Value().GetStart() != nil {
		return nil, false
	}
	running, err := openjson.ParseText(found.GetSpec())
	if err != nil || len(running) == 0 {
		return nil, false
	}
	running, marks := withoutMarks(running)
	return marks, !flinkspec.Upgrades(running, current)
}

// withoutMarks takes what Render adds to the pods out of a specification.
func withoutMarks(spec openjson.Object) (openjson.Object, map[string]string) {
	annotations, _ := openjson.Field(spec, podAnnotations...).(openjson.Object)
	marks := map[string]string{}
	for _, key := range []string{instanceAnnotation, originAnnotation} {
		if value, ok := annotations[key].(string); ok {
			marks[key] = value
		}
	}
	if len(marks) == 0 {
		return spec, marks
	}
	rest := maps.Clone(annotations)
	for key := range marks {
		delete(rest, key)
	}
	out := openjson.Merge(spec, nil)
	openjson.Set(out, rest, podAnnotations...)
	// What only held the marks was not there before.
	for depth := len(podAnnotations); depth > 0; depth-- {
		parent := out
		if depth > 1 {
			parent, _ = openjson.Field(out, podAnnotations[:depth-1]...).(openjson.Object)
		}
		if child, ok := parent[podAnnotations[depth-1]].(openjson.Object); ok && len(child) == 0 {
			delete(parent, podAnnotations[depth-1])
		}
	}
	return out, marks
}

// podMarks are the annotations that name the instance and the origin on the pods
// of an application.
func podMarks(record *storev1.ApplicationRecord, instance string) map[string]string {
	if adoption := record.GetAdoption(); adoption.GetInstance() == instance {
		return adoption.GetPodAnnotations()
	}
	return map[string]string{instanceAnnotation: instance, originAnnotation: "flink"}
}

// adoptionOf is the object that the agent is to take over, nil for none.
func adoptionOf(record *storev1.ApplicationRecord) *agentv1.Adopt {
	adoption := record.GetAdoption()
	if isComplete(adoption) {
		return nil
	}
	return &agentv1.Adopt{ObjectUid: adoption.GetObjectUid(), ObjectGeneration: adoption.GetObjectGeneration()}
}
