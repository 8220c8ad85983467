package operator

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	kjson "k8s.io/apimachinery/pkg/util/json"

	"github.com/openweir/weir/flink"
)

// finalizer is how the operator holds on to the objects of a resource.
func (k key) finalizer() string { return k.resource.GroupResource().String() + "/finalizer" }

// reconcile makes one step of an object and returns when to look again.
func (o *Operator) reconcile(ctx context.Context, k key) (time.Duration, error) {
	object, err := o.get(k)
	if err != nil || object == nil {
		return 0, err
	}
	t := targetOf(object)
	held := slices.Contains(object.GetFinalizers(), k.finalizer())
	switch {
	case t.deleting && !held:
		return 0, nil
	case !held:
		// The change of the object brings it back.
		return 0, o.patchMetadata(ctx, k, object, map[string]any{
			"finalizers": append(slices.Clone(object.GetFinalizers()), k.finalizer()),
		})
	}
	status, out, err := o.step(ctx, t, k, object)
	if err != nil {
		return 0, err
	}
	if out.finished {
		return 0, o.release(ctx, k, object, t, out)
	}
	changed, err := o.writeStatus(ctx, k, object, status)
	if err != nil {
		return 0, err
	}
	if changed && out.wait > 0 {
		o.delay(k, min(out.wait, t.duration(AnnotationPace, o.pace)))
	}
	return out.wait, o.follow(ctx, t, out)
}

func targetOf(object *unstructured.Unstructured) target {
	return target{
		kind: object.GetKind(), namespace: object.GetNamespace(), name: object.GetName(), uid: string(object.GetUID()),
		generation: object.GetGeneration(), annotations: object.GetAnnotations(),
		deleting: object.GetDeletionTimestamp() != nil, spec: newSpec(object.Object),
	}
}

// step decides about an object and returns its new status.
func (o *Operator) step(ctx context.Context, t target, k key, object *unstructured.Unstructured) (any, outcome, error) {
	now := time.Now()
	switch k.resource {
	case deployments:
		status := &deploymentStatus{}
		if err := readStatus(object, status); err != nil {
			return nil, outcome{}, err
		}
		jobs := func() []string { return o.jobsOf(t.namespace, t.name) }
		return status, deployment(ctx, o.engine, t, status, jobs, now, o.pace), nil
	case sessionJobs:
		status := &commonStatus{}
		if err := readStatus(object, status); err != nil {
			return nil, outcome{}, err
		}
		cluster, ready, err := o.sessionCluster(t)
		if err != nil {
			return nil, outcome{}, err
		}
		return status, sessionJob(ctx, o.engine, t, status, cluster, ready, now, o.pace), nil
	default:
		status := &snapshotStatus{}
		if err := readStatus(object, status); err != nil {
			return nil, outcome{}, err
		}
		job, err := o.snapshotJob(ctx, t)
		if err != nil {
			return nil, outcome{}, err
		}
		s := &snapshotter{target: t, engine: o.engine, status: status, job: job, now: now, pace: t.duration(AnnotationPace, o.pace)}
		return status, s.step(ctx), nil
	}
}

// sessionCluster returns the spec of a session job's cluster, nil where there
// is none, and whether it can take jobs.
func (o *Operator) sessionCluster(t target) (spec, bool, error) {
	object, err := o.get(key{deployments, t.namespace, t.spec.text("deploymentName")})
	if err != nil || object == nil {
		return nil, false, err
	}
	status := &deploymentStatus{}
	if err := readStatus(object, status); err != nil {
		return nil, false, err
	}
	ready := status.JobManagerDeploymentStatus == flink.JobManagerReady && object.GetDeletionTimestamp() == nil
	return o.engine.effective(t.namespace, object.GetName(), newSpec(object.Object)), ready, nil
}

// snapshotJob returns the job that a snapshot is of, or nil. It is asked for
// and not looked up in the cache: nothing makes a snapshot's step again that was
// made on an old view of the job.
func (o *Operator) snapshotJob(ctx context.Context, t target) (*snapshotJob, error) {
	name := t.spec.text("jobReference", "name")
	if name == "" {
		return nil, nil
	}
	resource := deployments
	if t.spec.text("jobReference", "kind") == flink.KindSessionJob {
		resource = sessionJobs
	}
	object, err := o.client.Resource(resource).Namespace(t.namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get the job of snapshot %s: %w", t.name, err)
	}
	status := &commonStatus{}
	if err := readStatus(object, status); err != nil {
		return nil, err
	}
	return &snapshotJob{target: targetOf(object), status: status.JobStatus}, nil
}

// readStatus decodes the status of an object.
func readStatus(object *unstructured.Unstructured, into any) error {
	data, err := json.Marshal(object.Object["status"])
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		return fmt.Errorf("read the status of %s %s: %w", object.GetKind(), object.GetName(), err)
	}
	return nil
}

// writeStatus writes a status, under the version that it was made from, if it
// changed. Labels that mirror a snapshot's status are written with it.
func (o *Operator) writeStatus(ctx context.Context, k key, object *unstructured.Unstructured, status any) (bool, error) {
	data, err := json.Marshal(status)
	if err != nil {
		return false, fmt.Errorf("encode the status of %s: %w", k.name, err)
	}
	var value map[string]any
	if err := kjson.Unmarshal(data, &value); err != nil {
		return false, fmt.Errorf("encode the status of %s: %w", k.name, err)
	}
	was, _ := object.Object["status"].(map[string]any)
	if reflect.DeepEqual(was, value) {
		return false, nil
	}
	next := &unstructured.Unstructured{Object: maps.Clone(object.Object)}
	next.Object["status"] = value
	if snapshot, ok := status.(*snapshotStatus); ok {
		labelled, err := o.label(ctx, k, object, snapshot)
		if err != nil {
			return false, err
		}
		next.Object["metadata"] = labelled.Object["metadata"]
	}
	_, err = o.client.Resource(k.resource).Namespace(k.namespace).UpdateStatus(ctx, next, metav1.UpdateOptions{})
	return err == nil, err
}

// label writes the labels of a snapshot.
func (o *Operator) label(ctx context.Context, k key, object *unstructured.Unstructured, status *snapshotStatus) (*unstructured.Unstructured, error) {
	s := snapshotter{target: targetOf(object), status: status}
	marks := map[string]any{}
	for name, mark := range s.labels() {
		marks[name] = mark
	}
	if object.GetLabels()["snapshot.trigger-type"] == "" {
		marks["snapshot.trigger-type"] = "MANUAL"
	}
	return o.patch(ctx, k, object, map[string]any{"labels": marks})
}

// release lets an object go.
func (o *Operator) release(ctx context.Context, k key, object *unstructured.Unstructured, t target, out outcome) error {
	finalizers := slices.DeleteFunc(slices.Clone(object.GetFinalizers()), func(f string) bool { return f == k.finalizer() })
	if err := o.patchMetadata(ctx, k, object, map[string]any{"finalizers": finalizers}); err != nil {
		return err
	}
	return o.follow(ctx, t, out)
}

// follow does what a step asked for beside the status.
func (o *Operator) follow(ctx context.Context, t target, out outcome) error {
	if out.savepoint != nil {
		taken := &unstructured.Unstructured{Object: savepointObject(t, out.savepoint)}
		_, err := o.client.Resource(snapshots).Namespace(t.namespace).Create(ctx, taken, metav1.CreateOptions{})
		// Without the definition, or in a namespace that goes, the savepoint is
		// noted in the job's status alone.
		if err != nil && !apierrors.IsAlreadyExists(err) && !apierrors.IsNotFound(err) && !apierrors.IsForbidden(err) {
			return fmt.Errorf("record a savepoint of %s: %w", t.name, err)
		}
	}
	for _, e := range out.events {
		// Events are best effort: a failure to record one must not
		// have the step made again.
		if err := o.record(ctx, t, e); err != nil && ctx.Err() == nil {
			o.log.Debug("the operator of the sandbox failed to record an event", "about", t.name, "reason", e.reason, "error", err)
		}
	}
	for _, recorded := range out.recorded {
		recorded()
	}
	return nil
}

func (o *Operator) patchMetadata(ctx context.Context, k key, object *unstructured.Unstructured, metadata map[string]any) error {
	_, err := o.patch(ctx, k, object, metadata)
	return err
}

// patch changes metadata of the version of the object that was read.
func (o *Operator) patch(ctx context.Context, k key, object *unstructured.Unstructured, metadata map[string]any) (*unstructured.Unstructured, error) {
	metadata["resourceVersion"] = object.GetResourceVersion()
	data, err := json.Marshal(map[string]any{"metadata": metadata})
	if err != nil {
		return nil, fmt.Errorf("encode a patch of %s: %w", k.name, err)
	}
	return o.client.Resource(k.resource).Namespace(k.namespace).Patch(ctx, k.name, types.MergePatchType, data, metav1.PatchOptions{})
}

// outdated tells whether the cache was behind, which passes.
func outdated(err error) bool { return apierrors.IsConflict(err) || apierrors.IsNotFound(err) }
