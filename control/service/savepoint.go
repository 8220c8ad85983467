package service

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/query"
	"github.com/openweir/weir/control/query/fields"
	"github.com/openweir/weir/control/render"
	"github.com/openweir/weir/control/rules"
	"github.com/openweir/weir/control/state"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// owner is what attached savepoints belong to: an application or a statement.
type owner struct {
	env *cmfv1.Environment
	// noun and name are for messages, such as Application 'x'.
	noun, name string
	// key is the owner's place among the savepoints, and present the condition
	// that it is still there.
	key     string
	present store.Cond
	// jobKind and jobName are the object of its job.
	jobKind, jobName string
}

func (s *Services) applicationOwner(ctx context.Context, env, app string) (owner, error) {
	environment, record, err := s.application(ctx, env, app)
	if err != nil {
		return owner{}, err
	}
	o := s.ownerOf(environment.Value, app)
	o.present = s.state.Applications.Present(record.Key)
	return o, nil
}

// ownerOf is an application as the owner of savepoints, whether there is one of
// that name or not.
func (s *Services) ownerOf(env *cmfv1.Environment, app string) owner {
	return owner{
		env: env, noun: "Application", name: app,
		key:     state.SavepointsOf(env.GetName(), state.OwnerApplications, app),
		jobKind: render.KindDeployment, jobName: app,
	}
}

// savepointName makes the name of a savepoint that was given none.
func savepointName(owner string) string {
	const longest = 200
	return owner[:min(len(owner), longest)] + "-savepoint-" + strings.ToLower(rand.Text()[:8])
}

func (s *Services) createSavepoint(ctx context.Context, o owner, savepoint *cmfv1.Savepoint) (*cmfv1.Savepoint, error) {
	if err := rules.CheckTrigger(savepoint); err != nil {
		return nil, err
	}
	metadata := userMeta(savepoint.GetMetadata())
	if metadata.GetName() == "" {
		metadata.Name = savepointName(o.name)
	}
	metadata.Uid = uuid.NewString()
	metadata.CreationTimestamp = state.Now()
	metadata.UpdateTimestamp = metadata.CreationTimestamp
	record := &storev1.SavepointRecord{
		Savepoint: &cmfv1.Savepoint{
			ApiVersion: contract.APIVersion,
			Kind:       contract.KindSavepoint,
			Metadata:   metadata,
			Spec:       rules.SavepointSpec(savepoint.GetSpec()),
		},
		Generation: 1,
		JobKind:    o.jobKind,
		JobName:    o.jobName,
	}
	key := store.Join(o.key, metadata.GetName())
	if _, taken := s.state.Savepoints.Cached(key); taken {
		return nil, apierror.AlreadyExists("Savepoint '%s' already exists for %s '%s'.", metadata.GetName(), strings.ToLower(o.noun), o.name)
	}
	ref := render.SnapshotRef(o.env, metadata.GetUid())
	claim := state.ClaimKey(o.env.GetKubernetesClusterName(), ref.GetNamespace(), ref.GetKind(), ref.GetName())
	_, err := s.state.Store.Commit(ctx,
		[]store.Cond{o.present, s.state.Savepoints.Absent(key)},
		[]store.Op{
			s.state.Savepoints.Put(key, record),
			s.state.Claims.Put(claim, &storev1.ClaimRecord{Collection: state.CollectionSavepoints, Key: key, OwnerUid: metadata.GetUid()}),
		})
	if errors.Is(err, store.ErrConflict) {
		return nil, apierror.Conflict("%s '%s' was changed by others at the same time. Try again.", o.noun, o.name)
	}
	if err != nil {
		return nil, fmt.Errorf("create savepoint %s: %w", key, err)
	}
	return s.savepointView(o.env, key, record), nil
}

// savepointView is an attached savepoint as users see it.
func (s *Services) savepointView(env *cmfv1.Environment, key string, record *storev1.SavepointRecord) *cmfv1.Savepoint {
	reported, _ := s.state.SavepointStatus.Cached(key)
	return s.savepointWith(env, record, reported.Value)
}

// savepointWith is savepointView with a status of the caller's choice.
func (s *Services) savepointWith(env *cmfv1.Environment, record *storev1.SavepointRecord, reported *storev1.StatusRecord) *cmfv1.Savepoint {
	savepoint := record.GetSavepoint()
	if reported.GetOwnerUid() != savepoint.GetMetadata().GetUid() {
		reported = nil
	}
	status := rules.SavepointStatus(record, reported, "")
	if !rules.SavepointEnded(status.GetState()) || record.GetDeleting() {
		status.Warning = s.staleWarning(env)
	}
	return &cmfv1.Savepoint{
		ApiVersion: savepoint.GetApiVersion(),
		Kind:       savepoint.GetKind(),
		Metadata:   latestUpdate(savepoint.GetMetadata(), reported.GetUpdateTime()),
		Spec:       savepoint.GetSpec(),
		Status:     status,
	}
}

func (s *Services) savepoint(ctx context.Context, o owner, name string) (store.Object[*storev1.SavepointRecord], error) {
	record, err := s.state.Savepoints.Get(ctx, store.Join(o.key, name))
	if errors.Is(err, store.ErrNotFound) {
		return record, apierror.NotFound("Savepoint '%s' not found for %s '%s' in environment '%s'.", name, strings.ToLower(o.noun), o.name, o.env.GetName())
	}
	if err != nil {
		return record, fmt.Errorf("read savepoint %s: %w", name, err)
	}
	return record, nil
}

func (s *Services) listSavepoints(o owner, params query.Params) (*cmfv1.SavepointsPage, error) {
	q, err := query.Parse(query.Savepoints, params)
	if err != nil {
		return nil, err
	}
	var views []*cmfv1.Savepoint
	for _, record := range s.state.Savepoints.CachedUnder(o.key) {
		views = append(views, s.savepointView(o.env, record.Key, record.Value))
	}
	page := q.Run(views)
	return &cmfv1.SavepointsPage{Pageable: page.Pageable, Metadata: page.Metadata, Items: fields.ApplyAll(q.Fields, page.Items)}, nil
}

// deleteSavepoint begins the deletion of a savepoint: the operator disposes of
// its files while the job runs, and the record goes when it has. With force the
// record goes at once, and the files may stay.
func (s *Services) deleteSavepoint(ctx context.Context, o owner, name string, force bool) error {
	_, err := retry(ctx, "Savepoint '"+name+"'", func(ctx context.Context) (struct{}, error) {
		record, err := s.savepoint(ctx, o, name)
		if err != nil {
			return struct{}{}, err
		}
		if force {
			return struct{}{}, s.dropSavepoint(ctx, o.env, record, true)
		}
		if record.Value.GetDeleting() {
			return struct{}{}, nil
		}
		after := clone(record.Value)
		after.Deleting = true
		after.Generation++
		if _, err := s.state.Savepoints.Update(ctx, record.Key, record.Revision, after); errors.Is(err, store.ErrNotFound) {
			return struct{}{}, errStale
		} else if err != nil {
			return struct{}{}, fmt.Errorf("delete savepoint %s: %w", record.Key, err)
		}
		return struct{}{}, nil
	})
	return err
}

// dropSavepoint drops the record of a savepoint with its claim, and has the
// agent delete the object or let go of it. The files stay.
func (s *Services) dropSavepoint(ctx context.Context, env *cmfv1.Environment, record store.Object[*storev1.SavepointRecord], release bool, also ...store.Op) error {
	_, err := s.state.Store.Commit(ctx,
		[]store.Cond{s.state.Savepoints.Unchanged(record.Key, record.Revision)},
		append(s.savepointOps(env, record, release), also...))
	if err != nil {
		return fmt.Errorf("drop savepoint %s: %w", record.Key, err)
	}
	return nil
}

func (s *Services) savepointOps(env *cmfv1.Environment, record store.Object[*storev1.SavepointRecord], release bool) []store.Op {
	uid := record.Value.GetSavepoint().GetMetadata().GetUid()
	ref := render.SnapshotRef(env, uid)
	return []store.Op{
		s.state.Savepoints.Remove(record.Key),
		s.state.SavepointStatus.Remove(record.Key),
		s.state.Claims.Remove(state.ClaimKey(env.GetKubernetesClusterName(), ref.GetNamespace(), ref.GetKind(), ref.GetName())),
		s.state.Bury(env.GetKubernetesClusterName(), ref, uid, release),
	}
}

// dropSavepoints drops every savepoint of an owner that is about to go.
func (s *Services) dropSavepoints(ctx context.Context, env *cmfv1.Environment, ownerKey string, release bool) error {
	for _, record := range s.state.Savepoints.CachedUnder(ownerKey) {
		if err := s.dropSavepoint(ctx, env, record, release); err != nil {
			return err
		}
	}
	return nil
}

// detach moves a completed savepoint of an owner to the detached ones, under
// the same name and uid.
func (s *Services) detach(ctx context.Context, o owner, name string) (*cmfv1.Savepoint, error) {
	return retry(ctx, "Savepoint '"+name+"'", func(ctx context.Context) (*cmfv1.Savepoint, error) {
		record, err := s.savepoint(ctx, o, name)
		if err != nil {
			return nil, err
		}
		view := s.savepointView(o.env, record.Key, record.Value)
		if record.Value.GetDeleting() {
			return nil, apierror.InUse("Cannot detach savepoint '%s': it is being deleted.", name)
		}
		if view.GetStatus().GetState() != contract.SavepointCompleted {
			return nil, apierror.InUse("Cannot detach savepoint '%s': it is %s, and only completed savepoints can be detached.", name, view.GetStatus().GetState())
		}
		key := store.Key(name)
		if _, taken := s.state.DetachedSavepoints.Cached(key); taken {
			return nil, apierror.AlreadyExists("Detached savepoint '%s' already exists.", name)
		}
		detached := clone(view)
		detached.Metadata.UpdateTimestamp = state.Now()
		detached.Spec.Path = view.GetStatus().GetPath()
		detached.Status.Warning = ""
		_, err = s.state.Store.Commit(ctx,
			[]store.Cond{s.state.Savepoints.Unchanged(record.Key, record.Revision), s.state.DetachedSavepoints.Absent(key)},
			append(s.savepointOps(o.env, record, false), s.state.DetachedSavepoints.Put(key, detached)))
		if err != nil {
			return nil, fmt.Errorf("detach savepoint %s: %w", record.Key, err)
		}
		return detached, nil
	})
}

// savepointPath is where the completed savepoint is that a reference means: one
// of the owner's by name or uid, a detached one by uid, or any by its path.
func (s *Services) savepointPath(o owner, ref rules.SavepointReference) (string, error) {
	if ref.Path != "" {
		return ref.Path, nil
	}
	for _, record := range s.state.Savepoints.CachedUnder(o.key) {
		metadata := record.Value.GetSavepoint().GetMetadata()
		if metadata.GetUid() != ref.UID && (ref.UID != "" || metadata.GetName() != ref.Name) {
			continue
		}
		status := s.savepointView(o.env, record.Key, record.Value).GetStatus()
		if status.GetState() != contract.SavepointCompleted || status.GetPath() == "" {
			return "", apierror.Unprocessable(fmt.Sprintf("Savepoint '%s' is %s: only a completed savepoint can be started from.", metadata.GetName(), status.GetState()))
		}
		return status.GetPath(), nil
	}
	if ref.UID != "" {
		for _, detached := range s.state.DetachedSavepoints.CachedByIndex(state.ByUID, ref.UID) {
			return detached.Value.GetSpec().GetPath(), nil
		}
		return "", apierror.NotFound("Savepoint with uid '%s' not found for %s '%s' in environment '%s', nor among the detached savepoints.", ref.UID, strings.ToLower(o.noun), o.name, o.env.GetName())
	}
	return "", apierror.NotFound("Savepoint '%s' not found for %s '%s' in environment '%s'.", ref.Name, strings.ToLower(o.noun), o.name, o.env.GetName())
}
