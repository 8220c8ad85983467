package savepoint

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/query"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/flink"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

type item = resource.Item[*storev1.SavepointRecord]

func metadataOf(record *storev1.SavepointRecord) *cmfv1.ObjectMeta {
	return record.GetSavepoint().GetMetadata()
}

func (s *Savepoints) newKind() *resource.Kind[*storev1.SavepointRecord, *cmfv1.Savepoint] {
	return &resource.Kind[*storev1.SavepointRecord, *cmfv1.Savepoint]{
		Noun: "Savepoint", Name: contract.KindSavepoint,
		Records: s.Records, Status: s.status, Metadata: metadataOf,
		List: newList(metadataOf,
			func(i item) *timestamppb.Timestamp {
				return resource.WithUpdateTime(metadataOf(i.Value()), i.Reported().GetUpdateTime()).GetUpdateTimestamp()
			},
			func(i item) string { return statusOf(i.Value(), i.Reported()).GetState() }),
		View: s.view, NotFound: notFound,
		Count: func(at store.Reader, counts *cmfv1.ResourceCounts) {
			counts.Savepoints = resource.CountOf(at, s.Records)
		},
		Objects: []*resource.Object{s.object()},
	}
}

// newList declares a list of savepoints, whatever is stored of them.
func newList[R proto.Message](
	metadata func(R) *cmfv1.ObjectMeta, updated func(resource.Item[R]) *timestamppb.Timestamp, state func(resource.Item[R]) string,
) *query.List[resource.Item[R]] {
	of := func(i resource.Item[R]) *cmfv1.ObjectMeta { return metadata(i.Value()) }
	return &query.List[resource.Item[R]]{
		Plural:     "savepoints",
		Name:       func(i resource.Item[R]) string { return of(i).GetName() },
		UID:        func(i resource.Item[R]) string { return of(i).GetUid() },
		Sort:       query.Described(of, query.ByTimestamp(updated)),
		Filterable: true,
		Labels:     func(i resource.Item[R]) map[string]string { return of(i).GetLabels() },
		Attributes: map[string]func(resource.Item[R]) string{"state": state},
		Message:    query.Descriptor[*cmfv1.Savepoint](),
	}
}

func (s *Savepoints) view(i item, _ resource.Detail) *cmfv1.Savepoint {
	savepoint := i.Value().GetSavepoint()
	status := statusOf(i.Value(), i.Reported())
	if !ended(status.GetState()) || i.Value().GetDeleting() {
		env := s.environments.Of(i.At, i.Key).Message()
		status.Warning = s.clusters.StaleWarning(i.At, env.GetKubernetesClusterName(), flink.SnapshotDefinition)
	}
	return &cmfv1.Savepoint{
		ApiVersion: savepoint.GetApiVersion(),
		Kind:       savepoint.GetKind(),
		Metadata:   resource.WithUpdateTime(savepoint.GetMetadata(), i.Reported().GetUpdateTime()),
		Spec:       savepoint.GetSpec(),
		Status:     status,
	}
}
