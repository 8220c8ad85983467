package operator

import (
	"context"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/openweir/weir/flink"
)

// Components, the sources of events.
const (
	componentOperator   = "Operator"
	componentJobManager = "JobManagerDeployment"
	componentJob        = "Job"
	componentSnapshot   = "Snapshot"
)

// Types of events.
const (
	normal  = "Normal"
	warning = "Warning"
)

// event is something to tell about an object.
type event struct {
	component   string
	kind        string
	reason      string
	message     string
	annotations map[string]string
}

// name identifies the event among those about the same object: a repetition
// has the same name and is counted.
func (e event) name(about target) string {
	hash := fnv.New32a()
	for _, part := range []string{e.reason, e.message, e.kind, about.kind, about.name, about.uid} {
		_, _ = hash.Write([]byte(part + "\x00"))
	}
	return fmt.Sprintf("%s.%d", strings.ToLower(e.component), hash.Sum32()&0x7fffffff)
}

// record creates an event, or increments the count of an existing one.
func (o *Operator) record(ctx context.Context, about target, e event) error {
	client := o.client.Resource(events).Namespace(about.namespace)
	name := e.name(about)
	now := time.Now().UTC().Format(time.RFC3339)
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Event",
		"metadata": map[string]any{"name": name, "namespace": about.namespace},
		"involvedObject": map[string]any{
			"apiVersion": flink.APIVersion, "kind": about.kind, "namespace": about.namespace,
			"name": about.name, "uid": about.uid,
		},
		"type": e.kind, "reason": e.reason, "message": e.message,
		"source":         map[string]any{"component": e.component},
		"firstTimestamp": now, "lastTimestamp": now, "count": int64(1),
	}}
	object.SetAnnotations(e.annotations)
	_, err := client.Create(ctx, object, metav1.CreateOptions{})
	if !apierrors.IsAlreadyExists(err) {
		return err
	}
	existing, err := client.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	count, _, _ := unstructured.NestedInt64(existing.Object, "count")
	existing.Object["count"] = count + 1
	existing.Object["lastTimestamp"] = now
	if e.annotations != nil {
		existing.SetAnnotations(e.annotations)
	}
	_, err = client.Update(ctx, existing, metav1.UpdateOptions{})
	return err
}
