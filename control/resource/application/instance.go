package application

import (
	"context"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/query"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/flink"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

type instanceItem = resource.Item[*cmfv1.FlinkApplicationInstance]

func (a *Applications) newInstancesKind() *resource.Kind[*cmfv1.FlinkApplicationInstance, *cmfv1.FlinkApplicationInstance] {
	metadata := func(i instanceItem) *cmfv1.ObjectMeta { return i.Value().GetMetadata() }
	orders := query.Described(metadata, nil)
	return &resource.Kind[*cmfv1.FlinkApplicationInstance, *cmfv1.FlinkApplicationInstance]{
		Noun: "Instance", Name: contract.KindInstance, Records: a.instances,
		Metadata: (*cmfv1.FlinkApplicationInstance).GetMetadata,
		List: &query.List[instanceItem]{
			Plural: "instances",
			Name:   func(i instanceItem) string { return metadata(i).GetName() },
			UID:    func(i instanceItem) string { return metadata(i).GetUid() },
			Sort:   orders,
			// They are named by UUIDs, so by default the newest come first.
			Default: query.Newest(orders["creationTimestamp"], orders["name"]),
		},
		View: instanceView,
		NotFound: func(application, name string) error {
			of := store.Segments(application)
			return apierror.NotFound("Instance '%s' not found for application '%s' in environment '%s'.", name, of[1], of[0])
		},
	}
}

// instanceView is an instance as users see it. What is the same for all of them is
// not stored.
func instanceView(i instanceItem, _ resource.Detail) *cmfv1.FlinkApplicationInstance {
	return &cmfv1.FlinkApplicationInstance{
		ApiVersion: contract.APIVersion,
		Kind:       contract.KindInstance,
		Metadata:   i.Value().GetMetadata(),
		Status:     i.Value().GetStatus(),
	}
}

// NewInstance makes an instance of now that runs an effective specification.
func NewInstance(effective *cmfv1.JsonObject) *cmfv1.FlinkApplicationInstance {
	// Version 7 begins with the time: the order of names is the order of time.
	name := uuid.Must(uuid.NewV7()).String()
	now := resource.Now()
	return &cmfv1.FlinkApplicationInstance{
		Metadata: &cmfv1.ObjectMeta{Name: name, Uid: name, CreationTimestamp: now, UpdateTimestamp: now},
		Status: &cmfv1.ApplicationInstanceStatus{
			Spec:      effective,
			JobStatus: &cmfv1.InstanceJobStatus{State: flink.JobReconciling},
		},
	}
}

// beginInstance adds an instance to an application's and deletes the oldest beyond
// the limit. effective is the parsed form of its specification.
func (a *Applications) beginInstance(tx *store.Tx, application string, instance *cmfv1.FlinkApplicationInstance, effective openjson.Object) {
	a.instances.Put(tx, store.Join(application, instance.GetMetadata().GetName()), instance, store.WithDerived(effective))
	stored := a.instances.In(tx)
	count := stored.Count(application)
	surplus := min(count+1-a.limits.Instances, count, maxDrops)
	for _, oldest := range stored.Range(application, 0, max(0, surplus)) {
		a.instances.Delete(tx, oldest.Key)
	}
}

// reviseInstance replaces the effective specification of an instance, which goes
// on.
func (a *Applications) reviseInstance(tx *store.Tx, key string, effective openjson.Object) {
	instance := a.instances.Get(tx, key)
	if instance == nil {
		return
	}
	after := proto.CloneOf(instance.Value())
	after.Status.Spec = openjson.Format(effective)
	after.Metadata.UpdateTimestamp = resource.Now()
	a.instances.Put(tx, key, after, store.WithDerived(effective))
}

// recordJob stores the job of an instance. current is set if the job is that of the
// instance; otherwise it is that of the newest instance that has had it, since the
// operator still reports on a run before. Once the instance has a job of its own, the
// runs before have ended, whether that was reported or not.
func (a *Applications) recordJob(tx *store.Tx, application, instance string, job *cmfv1.InstanceJobStatus, current bool) {
	if !current {
		if of := a.instanceOfJob(tx, application, job.GetJobId()); of != nil {
			a.setJob(tx, of, job)
		}
		return
	}
	of := a.instances.In(tx).Get(store.Join(application, instance))
	if of == nil {
		return
	}
	begins := job.GetJobId() != "" && of.Value().GetStatus().GetJobStatus().GetJobId() != job.GetJobId()
	a.setJob(tx, of, job)
	if !begins {
		return
	}
	for before := range a.instances.In(tx).Under(application) {
		ended := before.Value().GetStatus().GetJobStatus()
		if before.Key != of.Key && ended.GetJobId() != "" && !flink.IsTerminal(ended.GetState()) {
			a.setJob(tx, before, &cmfv1.InstanceJobStatus{JobId: ended.GetJobId(), State: flink.JobFinished})
		}
	}
}

// instanceOfJob is the newest instance of an application that has had a job; nil if
// there is none.
func (a *Applications) instanceOfJob(tx *store.Tx, application, job string) *store.Object[*cmfv1.FlinkApplicationInstance] {
	if job == "" {
		return nil
	}
	var newest *store.Object[*cmfv1.FlinkApplicationInstance]
	for o := range a.instances.In(tx).Under(application) { // in the order of time
		if o.Value().GetStatus().GetJobStatus().GetJobId() == job {
			newest = o
		}
	}
	return newest
}

// setJob stores the job of an instance if it differs from what is known.
func (a *Applications) setJob(tx *store.Tx, instance *store.Object[*cmfv1.FlinkApplicationInstance], job *cmfv1.InstanceJobStatus) {
	if proto.Equal(instance.Value().GetStatus().GetJobStatus(), job) {
		return
	}
	after := proto.CloneOf(instance.Value())
	after.Status.JobStatus = job
	after.Metadata.UpdateTimestamp = resource.Now()
	a.instances.Put(tx, instance.Key, after)
}

// currentSpec is the effective specification of an application's current
// instance, nil where there is none. It must not be changed.
func (a *Applications) currentSpec(at store.Reader, application string, record *storev1.ApplicationRecord) openjson.Object {
	if record.GetInstance() == "" {
		return nil
	}
	instance := a.instances.In(at).Get(store.Join(application, record.GetInstance()))
	if instance == nil {
		return nil
	}
	effective, err := effectiveOf(instance)
	if err != nil {
		return nil
	}
	return effective
}

type instanceService struct {
	cmfv1.UnimplementedApplicationInstanceServiceServer
	*Applications
}

func (s *instanceService) ListApplicationInstances(ctx context.Context, req *cmfv1.ListApplicationInstancesRequest) (*cmfv1.ApplicationInstancesPage, error) {
	return resource.List[cmfv1.ApplicationInstancesPage](ctx, s.store, s.instancesKind, s.in(req.GetEnvName(), req.GetAppName()), req, resource.Detail{}, nil)
}

func (s *instanceService) GetApplicationInstance(ctx context.Context, req *cmfv1.GetApplicationInstanceRequest) (*cmfv1.FlinkApplicationInstance, error) {
	return s.instancesKind.Get(ctx, s.store, s.in(req.GetEnvName(), req.GetAppName()), req.GetInstName(), resource.Detail{})
}

func (s *instanceService) WatchApplicationInstances(req *cmfv1.WatchApplicationInstancesRequest, stream grpc.ServerStreamingServer[cmfv1.WatchApplicationInstancesResponse]) error {
	return resource.Watch(s.watches, s.store, s.instancesKind, stream, s.in(req.GetEnvName(), req.GetAppName()), req, nil)
}
