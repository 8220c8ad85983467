package service

import (
	"context"
	"fmt"
	"maps"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/query"
	"github.com/openweir/weir/control/query/fields"
	"github.com/openweir/weir/control/render"
	"github.com/openweir/weir/control/rules"
	"github.com/openweir/weir/control/run"
	"github.com/openweir/weir/control/state"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

type applications struct {
	cmfv1.UnimplementedApplicationServiceServer
	*Services
}

// application reads an application and the environment it is in, or says which
// of them is not there.
func (s *Services) application(ctx context.Context, env, app string) (store.Object[*cmfv1.Environment], store.Object[*storev1.ApplicationRecord], error) {
	environment, err := s.environment(ctx, env)
	if err != nil {
		return environment, store.Object[*storev1.ApplicationRecord]{}, err
	}
	// The read of the environment has waited for the cache already.
	record, ok := s.state.Applications.Cached(store.Key(env, app))
	if !ok {
		return environment, record, apierror.NotFound("Application '%s' not found in environment '%s'.", app, env)
	}
	return environment, record, nil
}

func (s *applications) CreateOrUpdateApplication(ctx context.Context, req *cmfv1.CreateOrUpdateApplicationRequest) (*cmfv1.FlinkApplication, error) {
	app := req.GetApplication()
	if err := rules.CheckApplication(app); err != nil {
		return nil, err
	}
	name := app.GetMetadata().GetName()
	return retry(ctx, "Application '"+name+"'", func(ctx context.Context) (*cmfv1.FlinkApplication, error) {
		env, before, err := s.application(ctx, req.GetEnvName(), name)
		if err != nil && env.Value == nil {
			return nil, err
		}
		start, err := s.startOf(env.Value, before.Value, app)
		if err != nil {
			return nil, err
		}
		return s.save(ctx, env, before, func(now *timestamppb.Timestamp) *cmfv1.FlinkApplication {
			return written(before.Value.GetApplication(), app, now)
		}, start)
	})
}

// startOf is where an application is to start from, if its specification newly
// names a savepoint that Weir keeps.
func (s *applications) startOf(env *cmfv1.Environment, before *storev1.ApplicationRecord, app *cmfv1.FlinkApplication) (*storev1.SavepointStart, error) {
	ref, ok := run.Reference(before, app)
	if !ok || ref.Path != "" {
		return nil, nil
	}
	path, err := s.savepointPath(s.ownerOf(env, app.GetMetadata().GetName()), ref)
	if err != nil {
		return nil, apierror.Unprocessable("spec.startFromSavepoint: " + err.Error())
	}
	return run.Start(ref, path), nil
}

// written is an application as it is to be stored: what the user wrote, with
// the metadata that is Weir's.
func written(before, app *cmfv1.FlinkApplication, now *timestamppb.Timestamp) *cmfv1.FlinkApplication {
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
	return &cmfv1.FlinkApplication{
		ApiVersion: contract.APIVersion,
		Kind:       contract.KindApplication,
		Metadata:   metadata,
		Spec:       app.GetSpec(),
	}
}

// save commits a new or changed application, with the instance that begins if
// what it runs changes. start, if not nil, makes it start from a savepoint.
func (s *applications) save(
	ctx context.Context,
	env store.Object[*cmfv1.Environment],
	before store.Object[*storev1.ApplicationRecord],
	change func(now *timestamppb.Timestamp) *cmfv1.FlinkApplication,
	start *storev1.SavepointStart,
) (*cmfv1.FlinkApplication, error) {
	app := change(state.Now())
	key := store.Join(env.Key, app.GetMetadata().GetName())
	reported, _ := s.state.ApplicationStatus.Cached(key)
	plan, err := run.Next(env.Value, before.Value, app, start, rules.SpecInForce(reported.Value, app.GetMetadata().GetUid()))
	if err != nil {
		return nil, err
	}
	if before.Value != nil && !plan.Changed {
		return s.applicationView(before.Key, before.Value, s.staleWarning(env.Value), false), nil
	}
	conds := []store.Cond{s.state.Environments.Unchanged(env.Key, env.Revision)}
	ops := []store.Op{s.state.Applications.Put(key, plan.Record)}
	event := "Application updated."
	if before.Value == nil {
		event = "Application created."
		conds = append(conds, s.state.Applications.Absent(key))
		claim := claimOf(env.Value, plan.Record)
		if held, ok := s.state.Claims.Cached(claim); ok {
			return nil, apierror.Unprocessable(fmt.Sprintf("metadata.name: the FlinkDeployment '%s' in namespace '%s' of Kubernetes cluster '%s' belongs to %s already.",
				app.GetMetadata().GetName(), env.Value.GetKubernetesNamespace(), env.Value.GetKubernetesClusterName(), held.Value.GetKey()))
		}
		conds = append(conds, s.state.Claims.Absent(claim))
		ops = append(ops, s.state.Claims.Put(claim, &storev1.ClaimRecord{Collection: state.CollectionApplications, Key: key, OwnerUid: app.GetMetadata().GetUid()}))
	} else {
		conds = append(conds, s.state.Applications.Unchanged(key, before.Revision))
	}
	happened := []*cmfv1.FlinkApplicationEvent{state.NewEvent(state.EventCMFStatus, plan.Record.GetInstance(), event)}
	if plan.Instance != nil {
		ops = append(ops, s.state.BeginInstance(key, plan.Instance)...)
		for _, warning := range rules.Warnings(plan.Effective) {
			happened = append(happened, state.NewEvent(state.EventWarning, plan.Record.GetInstance(), warning))
		}
	}
	ops = append(ops, s.state.AppendEvents(key, happened...)...)
	revision, err := s.state.Store.Commit(ctx, conds, ops)
	if err != nil {
		return nil, fmt.Errorf("save application %s: %w", key, err)
	}
	after := store.Object[*storev1.ApplicationRecord]{Key: key, Value: plan.Record, Revision: revision}
	return s.applicationView(after.Key, after.Value, s.staleWarning(env.Value), false), nil
}

// claimOf is the key of the claim on an application's FlinkDeployment.
func claimOf(env *cmfv1.Environment, record *storev1.ApplicationRecord) string {
	return state.ClaimKey(env.GetKubernetesClusterName(), env.GetKubernetesNamespace(), render.KindDeployment, record.GetApplication().GetMetadata().GetName())
}

func (s *applications) GetApplication(ctx context.Context, req *cmfv1.GetApplicationRequest) (*cmfv1.FlinkApplication, error) {
	env, app, err := s.application(ctx, req.GetEnvName(), req.GetAppName())
	if err != nil {
		return nil, err
	}
	return s.applicationView(app.Key, app.Value, s.staleWarning(env.Value), req.GetIncludeResourceInformation()), nil
}

func (s *applications) ListApplications(ctx context.Context, req *cmfv1.ListApplicationsRequest) (*cmfv1.ApplicationsPage, error) {
	q, err := query.Parse(query.Applications, query.ParamsOf(req))
	if err != nil {
		return nil, err
	}
	env, err := s.environment(ctx, req.GetEnvName())
	if err != nil {
		return nil, err
	}
	records := s.state.Applications.CachedUnder(env.Key)
	items := make([]query.Application, len(records))
	for i, record := range records {
		status, _ := s.state.ApplicationStatus.Cached(record.Key)
		items[i] = query.Application{
			FlinkApplication: record.Value.GetApplication(),
			State:            jobState(record.Value, status.Value),
			SpecUpdated:      record.Value.GetApplication().GetMetadata().GetUpdateTimestamp().AsTime(),
		}
	}
	page := q.Run(items)
	warning := s.staleWarning(env.Value)
	out := &cmfv1.ApplicationsPage{Pageable: page.Pageable, Metadata: page.Metadata, Items: make([]*cmfv1.FlinkApplication, 0, len(page.Items))}
	for _, item := range page.Items {
		key := store.Join(env.Key, item.GetMetadata().GetName())
		record, ok := s.state.Applications.Cached(key)
		if !ok {
			continue // deleted since the list was taken
		}
		view := s.applicationView(key, record.Value, warning, req.GetIncludeResourceInformation())
		out.Items = append(out.Items, fields.Apply(q.Fields, view))
	}
	return out, nil
}

// applicationView is an application as users see it: as written, with the
// status that the agent reported. warning says why that may be stale.
func (s *Services) applicationView(key string, record *storev1.ApplicationRecord, warning string, resources bool) *cmfv1.FlinkApplication {
	reported, _ := s.state.ApplicationStatus.Cached(key)
	view := applicationWith(record, reported.Value, warning)
	if resources {
		view.Status.Json = openjson.AppendValue(view.GetStatus().GetJson(), "resourceSummary", rules.FormatUsage(s.applicationUsage(key, record)))
	}
	return view
}

// applicationWith is applicationView with a status of the caller's choice.
func applicationWith(record *storev1.ApplicationRecord, reported *storev1.StatusRecord, warning string) *cmfv1.FlinkApplication {
	app := record.GetApplication()
	if reported.GetOwnerUid() != app.GetMetadata().GetUid() {
		reported = nil
	}
	return &cmfv1.FlinkApplication{
		ApiVersion: app.GetApiVersion(),
		Kind:       app.GetKind(),
		Metadata:   latestUpdate(app.GetMetadata(), reported.GetUpdateTime()),
		Spec:       app.GetSpec(),
		Status:     &cmfv1.JsonObject{Json: rules.ApplicationStatus(record, reported, warning)},
	}
}

// staleWarning says why what agents reported of an environment's resources may
// be old; empty where it is not.
func (s *Services) staleWarning(env *cmfv1.Environment) string {
	return rules.StaleWarning(env.GetKubernetesClusterName(), s.clusterStatus(env.GetKubernetesClusterName()))
}

// latestUpdate is metadata whose update timestamp is the later of its own and
// that of the status.
func latestUpdate(metadata *cmfv1.ObjectMeta, status *timestamppb.Timestamp) *cmfv1.ObjectMeta {
	if status == nil || !status.AsTime().After(metadata.GetUpdateTimestamp().AsTime()) {
		return metadata
	}
	return &cmfv1.ObjectMeta{
		Name:              metadata.GetName(),
		Uid:               metadata.GetUid(),
		CreationTimestamp: metadata.GetCreationTimestamp(),
		UpdateTimestamp:   status,
		Labels:            maps.Clone(metadata.GetLabels()),
		Annotations:       maps.Clone(metadata.GetAnnotations()),
	}
}

// applicationUsage is what an application asks its cluster for.
func (s *Services) applicationUsage(key string, record *storev1.ApplicationRecord) *cmfv1.ResourceUsageSummary {
	instance, ok := s.state.Instances.Cached(store.Join(key, record.GetInstance()))
	if !ok {
		return rules.AddUsage(nil, nil)
	}
	effective, err := openjson.Parse(instance.Value.GetStatus().GetSpec())
	if err != nil {
		return rules.AddUsage(nil, nil)
	}
	spec, err := openjson.Parse(record.GetApplication().GetSpec())
	if err != nil {
		return rules.AddUsage(nil, nil)
	}
	openjson.Set(effective, rules.DesiredState(spec), "job", "state")
	return rules.Usage(effective)
}

func (s *applications) DeleteApplication(ctx context.Context, req *cmfv1.DeleteApplicationRequest) (*cmfv1.DeleteApplicationResponse, error) {
	return retry(ctx, "Application '"+req.GetAppName()+"'", func(ctx context.Context) (*cmfv1.DeleteApplicationResponse, error) {
		env, app, err := s.application(ctx, req.GetEnvName(), req.GetAppName())
		if err != nil {
			return nil, err
		}
		if err := s.removeApplication(ctx, env.Value, app, req.GetForce()); err != nil {
			return nil, err
		}
		return &cmfv1.DeleteApplicationResponse{}, nil
	})
}

// removeApplication drops an application with all that belongs to it. Its
// object follows by a tombstone: it is deleted, or let go of where the delete
// is forced.
func (s *Services) removeApplication(ctx context.Context, env *cmfv1.Environment, app store.Object[*storev1.ApplicationRecord], force bool) error {
	metadata := app.Value.GetApplication().GetMetadata()
	// Savepoints that were not detached go with it. There may be more of them
	// than one transaction takes.
	owned := s.ownerOf(env, metadata.GetName()).key
	if err := s.dropSavepoints(ctx, env, owned, force); err != nil {
		return err
	}
	_, err := s.state.Store.Commit(ctx,
		[]store.Cond{s.state.Applications.Unchanged(app.Key, app.Revision), s.state.Savepoints.EmptyUnder(owned)},
		[]store.Op{
			s.state.Applications.Remove(app.Key),
			s.state.ApplicationStatus.Remove(app.Key),
			s.state.Instances.RemoveUnder(app.Key),
			s.state.Events.RemoveUnder(app.Key),
			s.state.Claims.Remove(claimOf(env, app.Value)),
			s.state.Bury(env.GetKubernetesClusterName(), render.DeploymentRef(env, metadata.GetName()), metadata.GetUid(), force),
		})
	if err != nil {
		return fmt.Errorf("delete application %s: %w", app.Key, err)
	}
	return nil
}

func (s *applications) StartApplication(ctx context.Context, req *cmfv1.StartApplicationRequest) (*cmfv1.FlinkApplication, error) {
	var start *storev1.SavepointStart
	if uid := req.GetStartFromSavepointUid(); uid != "" {
		o, err := s.applicationOwner(ctx, req.GetEnvName(), req.GetAppName())
		if err != nil {
			return nil, err
		}
		path, err := s.savepointPath(o, rules.SavepointReference{UID: uid})
		if err != nil {
			return nil, err
		}
		start = &storev1.SavepointStart{Path: path}
	}
	return s.setState(ctx, req.GetEnvName(), req.GetAppName(), contract.JobRunning, start)
}

func (s *applications) SuspendApplication(ctx context.Context, req *cmfv1.SuspendApplicationRequest) (*cmfv1.FlinkApplication, error) {
	return s.setState(ctx, req.GetEnvName(), req.GetAppName(), contract.JobSuspended, nil)
}

// setState sets job.state of an application's specification. An application
// that has it already is answered with 304, unless it is to start anew from a
// savepoint.
func (s *applications) setState(ctx context.Context, envName, name, want string, start *storev1.SavepointStart) (*cmfv1.FlinkApplication, error) {
	return retry(ctx, "Application '"+name+"'", func(ctx context.Context) (*cmfv1.FlinkApplication, error) {
		env, before, err := s.application(ctx, envName, name)
		if err != nil {
			return nil, err
		}
		app := before.Value.GetApplication()
		spec, err := openjson.Parse(app.GetSpec())
		if err != nil {
			return nil, fmt.Errorf("specification of application %s: %w", before.Key, err)
		}
		if rules.DesiredState(spec) == want && start == nil {
			if err := answerWith(ctx, "304"); err != nil {
				return nil, fmt.Errorf("answer not modified: %w", err)
			}
			return s.applicationView(before.Key, before.Value, s.staleWarning(env.Value), false), nil
		}
		openjson.Set(spec, want, "job", "state")
		return s.save(ctx, env, before, func(now *timestamppb.Timestamp) *cmfv1.FlinkApplication {
			changed := clone(app)
			changed.Metadata.UpdateTimestamp = now
			changed.Spec = openjson.Format(spec)
			return changed
		}, start)
	})
}
