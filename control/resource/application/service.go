package application

import (
	"context"

	"github.com/google/uuid"
	"google.golang.org/grpc"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/flinkspec"
	"github.com/openweir/weir/control/manifest"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/resource/policy"
	"github.com/openweir/weir/control/resource/savepoint"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/flink"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

type service struct {
	cmfv1.UnimplementedApplicationServiceServer
	*Applications
}

func (s *service) GetApplication(ctx context.Context, req *cmfv1.GetApplicationRequest) (*cmfv1.FlinkApplication, error) {
	return s.kind.Get(ctx, s.store, s.environments.In(req.GetEnvName()), req.GetAppName(), resource.Detail{Resources: req.GetIncludeResourceInformation()})
}

func (s *service) ListApplications(ctx context.Context, req *cmfv1.ListApplicationsRequest) (*cmfv1.ApplicationsPage, error) {
	return resource.List[cmfv1.ApplicationsPage](ctx, s.store, s.kind, s.environments.In(req.GetEnvName()), req, resource.Detail{Resources: req.GetIncludeResourceInformation()}, nil)
}

func (s *service) WatchApplications(req *cmfv1.WatchApplicationsRequest, stream grpc.ServerStreamingServer[cmfv1.WatchApplicationsResponse]) error {
	return resource.Watch(s.watches, s.store, s.kind, stream, s.environments.In(req.GetEnvName()), req, nil)
}

func (s *service) CreateOrUpdateApplication(ctx context.Context, req *cmfv1.CreateOrUpdateApplicationRequest) (*cmfv1.FlinkApplication, error) {
	app := req.GetApplication()
	spec, err := check(app)
	if err != nil {
		return nil, err
	}
	name := app.GetMetadata().GetName()
	var view *cmfv1.FlinkApplication
	var warnings []string
	err = resource.Return(ctx, s.store, what(name), func(tx *store.Tx) (int64, error) {
		env, err := s.environments.Require(tx, req.GetEnvName())
		if err != nil {
			return 0, err
		}
		before := s.Records.Get(tx, store.Join(env.Key, name))
		s.kind.NoteFound(ctx, tx, before)
		if err := resource.CheckVersion(req.GetResourceVersion(), what(name), resource.RevisionOf(before)); err != nil {
			return 0, err
		}
		start, err := s.startOf(tx, env.Value(), before, app, spec)
		if err != nil {
			return 0, err
		}
		var unchanged int64
		view, warnings, unchanged, err = s.save(ctx, tx, env, before, written(before.Message().GetApplication(), app), spec, start)
		return unchanged, err
	})
	if err != nil {
		return nil, err
	}
	return view, policy.Warn(ctx, warnings)
}

// what names an application in messages.
func what(name string) string { return "Application '" + name + "'" }

// startOf is where an application is to start from, if its specification newly
// names a savepoint that Weir keeps.
func (s *service) startOf(at store.Reader, env *cmfv1.Environment, before *store.Object[*storev1.ApplicationRecord], app *cmfv1.FlinkApplication, spec openjson.Object) (*storev1.SavepointStart, error) {
	if _, ok := flinkspec.SavepointStart(spec); !ok {
		return nil, nil
	}
	old, err := specOf(before)
	if err != nil {
		return nil, nil // which is noticed when the new version is planned
	}
	ref, ok := newReference(old, spec)
	if !ok || ref.Path != "" {
		return nil, nil
	}
	path, err := s.savepoints.Path(at, savepoint.ForApplication(env, app.GetMetadata().GetName()), ref)
	if err != nil {
		field := "spec.startFromSavepoint"
		if spec["startFromSavepoint"] == nil {
			field = "spec.job.startFromSavepoint"
		}
		return nil, apierror.Unprocessable(field + ": " + err.Error())
	}
	return Start(ref, path), nil
}

// written is an application as it is to be stored: what the user wrote, with
// the metadata that is Weir's.
func written(before, app *cmfv1.FlinkApplication) *cmfv1.FlinkApplication {
	now := resource.Now()
	metadata := &cmfv1.ObjectMeta{
		Name:              app.GetMetadata().GetName(),
		Uid:               before.GetMetadata().GetUid(),
		CreationTimestamp: before.GetMetadata().GetCreationTimestamp(),
		UpdateTimestamp:   now,
		Labels:            app.GetMetadata().GetLabels(),
		Annotations:       app.GetMetadata().GetAnnotations(),
	}
	if before == nil {
		metadata.Uid = uuid.NewString()
		metadata.CreationTimestamp = now
	}
	return &cmfv1.FlinkApplication{Metadata: metadata, Spec: app.GetSpec()}
}

// save writes a new or changed application, with the instance that begins if
// what it runs changes. before is nil for a new one, spec the parsed form of app's
// specification. start, if not nil, makes it start from a savepoint. warnings are those of
// policies. unchanged is the revision of a record that stays as it is, otherwise 0.
func (s *service) save(
	ctx context.Context, tx *store.Tx, env *store.Object[*cmfv1.Environment], before *store.Object[*storev1.ApplicationRecord],
	app *cmfv1.FlinkApplication, spec openjson.Object, start *storev1.SavepointStart,
) (view *cmfv1.FlinkApplication, warnings []string, unchanged int64, err error) {
	key := store.Join(env.Key, app.GetMetadata().GetName())
	reported := s.Status.In(tx).Get(key).Message()
	inForce := flinkspec.SpecInForce(reported, app.GetMetadata().GetUid())
	plan, err := Next(Change{
		Environment: env, Before: s.renew(tx, before, reported), App: app, Spec: spec, Start: start,
		InForce: inForce, Current: s.currentSpec(tx, key, before.Message()),
	})
	if err != nil {
		return nil, nil, 0, err
	}
	if resource.IsBehind(app.GetMetadata().GetUid(), before.Message().GetGeneration(), reported) {
		plan.continueRunning(inForce)
	}
	if before != nil && !plan.Changed {
		tx.Discard()
		item, _ := s.kind.Item(tx, key)
		return s.view(item, resource.Detail{Single: true}), nil, before.Revision, nil
	}
	if warnings, err = s.admit(ctx, tx, env, before, key, spec, plan); err != nil {
		return nil, nil, 0, err
	}
	event := "Application updated."
	if before == nil {
		event = "Application created."
		ref := manifest.DeploymentRef(env.Value(), app.GetMetadata().GetName())
		if err := s.ownership.Claim(tx, env.Value().GetKubernetesClusterName(), ref, s.Records.Name(), key, app.GetMetadata().GetUid()); err != nil {
			return nil, nil, 0, err
		}
	}
	happened := []*cmfv1.FlinkApplicationEvent{NewEvent(EventCMFStatus, plan.Record.GetInstance(), event)}
	if plan.Instance != nil {
		for _, warning := range plan.Warnings {
			happened = append(happened, NewEvent(EventWarning, plan.Record.GetInstance(), warning))
		}
	}
	s.write(tx, key, spec, plan, happened...)
	return s.view(s.kind.ItemOf(tx, store.NewObject(key, plan.Record)), resource.Detail{Single: true}), warnings, 0, nil
}

// write writes what a plan says for an application with a parsed specification, and
// events.
func (a *Applications) write(tx *store.Tx, key string, spec openjson.Object, plan Plan, events ...*cmfv1.FlinkApplicationEvent) {
	a.Records.Put(tx, key, plan.Record, store.WithDerived(spec))
	if plan.Instance != nil {
		a.beginInstance(tx, key, plan.Instance, plan.Effective)
	}
	if plan.Revised {
		a.reviseInstance(tx, store.Join(key, plan.Record.GetInstance()), plan.Effective)
	}
	a.appendEvents(tx, key, events...)
}

func (s *service) DeleteApplication(ctx context.Context, req *cmfv1.DeleteApplicationRequest) (*cmfv1.DeleteApplicationResponse, error) {
	at, err := s.store.View(ctx)
	if err != nil {
		return nil, err
	}
	env, item, err := s.Find(at, req.GetEnvName(), req.GetAppName())
	if err != nil {
		return nil, err
	}
	if err := s.delete(ctx, env.Value(), item.Object, req.GetResourceVersion(), req.GetForce()); err != nil {
		return nil, err
	}
	return &cmfv1.DeleteApplicationResponse{}, nil
}

// delete deletes an application that has the required version, with all that
// belongs to it. Its object is deleted too or, with release, left there unmanaged.
func (a *Applications) delete(ctx context.Context, env *cmfv1.Environment, o *store.Object[*storev1.ApplicationRecord], version string, release bool) error {
	record := o.Value()
	name := metadataOf(record).GetName()
	key := resource.Key(store.Key(env.GetName()), name)
	if err := resource.CheckVersion(version, what(name), o.Revision); err != nil {
		return err
	}
	// Savepoints that were not detached go with it.
	require := func(tx *store.Tx) error {
		app := a.Records.Get(tx, key)
		if app == nil || metadataOf(app.Value()).GetUid() != metadataOf(record).GetUid() {
			return apierror.NotFound("Application '%s' not found in environment '%s'.", name, env.GetName())
		}
		return resource.CheckVersion(version, what(name), app.Revision)
	}
	savepoints := savepoint.ForApplication(env, name).Key
	if err := a.savepoints.DropAll(ctx, env, savepoints, release, require); err != nil {
		return err
	}
	return resource.Update(ctx, a.store, what(name), func(tx *store.Tx) error {
		if err := require(tx); err != nil {
			return err
		}
		a.kind.NoteFound(ctx, tx, a.Records.Get(tx, key))
		a.savepoints.Records.RequireEmpty(tx, savepoints)
		ref := manifest.DeploymentRef(env, name)
		a.Records.Delete(tx, key)
		a.Status.Delete(tx, key)
		a.instances.DeleteUnder(tx, key)
		a.events.DeleteUnder(tx, key)
		a.ownership.Unclaim(tx, env.GetKubernetesClusterName(), ref)
		a.ownership.Remove(tx, env.GetKubernetesClusterName(), ref, metadataOf(record).GetUid(), release)
		return nil
	})
}

func (s *service) StartApplication(ctx context.Context, req *cmfv1.StartApplicationRequest) (*cmfv1.FlinkApplication, error) {
	var start *storev1.SavepointStart
	if uid := req.GetStartFromSavepointUid(); uid != "" {
		at, err := s.store.View(ctx)
		if err != nil {
			return nil, err
		}
		env, _, err := s.Find(at, req.GetEnvName(), req.GetAppName())
		if err != nil {
			return nil, err
		}
		path, err := s.savepoints.Path(at, savepoint.ForApplication(env.Value(), req.GetAppName()), flinkspec.SavepointReference{UID: uid})
		if err != nil {
			return nil, err
		}
		start = &storev1.SavepointStart{Path: path}
	}
	return s.setState(ctx, req.GetEnvName(), req.GetAppName(), req.GetResourceVersion(), flink.Running, start)
}

func (s *service) SuspendApplication(ctx context.Context, req *cmfv1.SuspendApplicationRequest) (*cmfv1.FlinkApplication, error) {
	return s.setState(ctx, req.GetEnvName(), req.GetAppName(), req.GetResourceVersion(), flink.Suspended, nil)
}

// setState sets job.state of an application's specification. An application
// that already has it is answered with 304, unless it is to be started from a
// savepoint.
func (s *service) setState(ctx context.Context, envName, name, version, desired string, start *storev1.SavepointStart) (*cmfv1.FlinkApplication, error) {
	var view *cmfv1.FlinkApplication
	var warnings []string
	isSet := false
	err := resource.Return(ctx, s.store, what(name), func(tx *store.Tx) (int64, error) {
		isSet = false
		env, err := s.environments.Require(tx, envName)
		if err != nil {
			return 0, err
		}
		before, err := s.kind.Require(tx, envName, name)
		if err != nil {
			return 0, err
		}
		s.kind.NoteBefore(ctx, before)
		if err := resource.CheckVersion(version, what(name), before.Revision); err != nil {
			return 0, err
		}
		stored, err := specOf(before.Object)
		if err != nil {
			return 0, err
		}
		if flinkspec.DesiredState(stored) == desired && start == nil {
			isSet = true
			view = s.view(before, resource.Detail{Single: true})
			return before.Revision, nil
		}
		spec := openjson.Merge(stored, openjson.Object{"job": openjson.Object{"state": desired}})
		app := before.Value().GetApplication()
		changed := written(app, app)
		changed.Spec = openjson.Format(spec)
		var unchanged int64
		view, warnings, unchanged, err = s.save(ctx, tx, env, before.Object, changed, spec, start)
		return unchanged, err
	})
	if err != nil {
		return nil, err
	}
	if isSet {
		if err := resource.SetHTTPStatus(ctx, "304"); err != nil {
			return nil, err
		}
	}
	return view, policy.Warn(ctx, warnings)
}
