package driver

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/openweir/weir/flink"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// Reasons of an Ack whose outcome is REFUSED or RETRYING.
const (
	// ReasonMissingDefinition: the cluster does not know the kind.
	ReasonMissingDefinition = "MissingCustomResourceDefinition"
	// ReasonMissingNamespace: the namespace does not exist, is terminating or is
	// not among those that the agent may work in.
	ReasonMissingNamespace = "MissingNamespace"
	// ReasonForbidden: RBAC, a quota or an admission policy refused the request.
	ReasonForbidden = "Forbidden"
	// ReasonPodSecurity: the agent does not apply what the Pod Security Standard that it
	// enforces forbids.
	ReasonPodSecurity = "PodSecurity"
	// ReasonPolicy: the agent does not apply what a policy of its own forbids.
	ReasonPolicy = "Policy"
	// ReasonInvalid: the API server or an admission webhook refused the object.
	ReasonInvalid = "Invalid"
	// ReasonNotOwned: an object that Weir did not create has the name.
	ReasonNotOwned = "NotOwned"
	// ReasonOtherOwner: an object of a resource that is not known has the name.
	ReasonOtherOwner = "OtherOwner"
	// ReasonOtherInstallation: an object of another Weir installation has the name.
	ReasonOtherInstallation = "OtherInstallation"
	// ReasonWebhookUnavailable: an admission webhook cannot be called.
	ReasonWebhookUnavailable = "WebhookUnavailable"
	// ReasonUnavailable: the API server cannot be reached or failed.
	ReasonUnavailable = "Unavailable"
	// ReasonUnauthorized: the API server does not accept the agent's credentials.
	ReasonUnauthorized = "Unauthorized"
	// ReasonConflict: other clients keep changing the object.
	ReasonConflict = "Conflict"
	// ReasonSuperseded: a newer session has applied the object.
	ReasonSuperseded = "Superseded"
	// ReasonTerminating: the object has been terminating for long.
	ReasonTerminating = "Terminating"
)

// problem is why an object differs from its desired state. The message tells
// users what to do about it.
type problem struct {
	outcome agentv1.Outcome
	reason  string
	message string
	// found is the object that has the name already; nil if that is not the problem.
	found *agentv1.FoundObject
}

func retrying(reason, format string, args ...any) *problem {
	return &problem{outcome: agentv1.Outcome_OUTCOME_RETRYING, reason: reason, message: fmt.Sprintf(format, args...)}
}

func refused(reason, format string, args ...any) *problem {
	return &problem{outcome: agentv1.Outcome_OUTCOME_REFUSED, reason: reason, message: fmt.Sprintf(format, args...)}
}

// foundLimit is the length up to which a specification is reported, in bytes.
const foundLimit = 1 << 20

// about adds a description of the object that has the name already.
func (p *problem) about(live *unstructured.Unstructured) *problem {
	m, _ := marksOf(live)
	p.found = &agentv1.FoundObject{
		ObjectUid:        string(live.GetUID()),
		ObjectGeneration: live.GetGeneration(),
		Installation:     m.installation,
		OwnerUid:         m.owner,
	}
	// It was decoded from JSON, so it can be encoded.
	if spec, err := json.Marshal(live.Object["spec"]); err == nil && len(spec) <= foundLimit && kindOf(keyOfObject(live)).jobs {
		p.found.Spec = string(spec)
	}
	return p
}

// explainer writes the messages of problems.
type explainer struct{ cluster string }

func (e explainer) missingDefinition(k *kind) *problem {
	return retrying(ReasonMissingDefinition,
		"The custom resource definition %s (version %s) is not installed on cluster %q. "+
			"Install the Flink Kubernetes Operator there. The agent continues once the definition exists.",
		k.definition(), k.version.Version, e.cluster)
}

func (e explainer) terminatingDefinition(k *kind) *problem {
	return retrying(ReasonMissingDefinition,
		"The custom resource definition %s is being deleted on cluster %q, with all of its objects. "+
			"Install the Flink Kubernetes Operator there again. The agent continues once the definition exists.",
		k.definition(), e.cluster)
}

func (e explainer) missingNamespace(name string) *problem {
	return retrying(ReasonMissingNamespace,
		"Namespace %q does not exist on cluster %q or is terminating. Create it (kubectl create namespace %s). The agent continues once it exists.",
		name, e.cluster, name)
}

func (e explainer) namespaceNotAllowed(name string) *problem {
	return refused(ReasonMissingNamespace,
		"The agent of cluster %q is not configured for namespace %q. Add the namespace to the agent's configuration.",
		e.cluster, name)
}

func (e explainer) notOwned(k key) *problem {
	return refused(ReasonNotOwned, "%s already exists on cluster %q and was not created by Weir. %s", k, e.cluster, remedy(k))
}

func (e explainer) otherOwner(k key, owner string) *problem {
	return refused(ReasonOtherOwner,
		"%s already exists on cluster %q for a resource that the control plane does not have (uid %s), and differs from what this resource "+
			"specifies. It is not changed. %s", k, e.cluster, owner, remedy(k))
}

func (e explainer) otherInstallation(k key, installation string) *problem {
	return refused(ReasonOtherInstallation,
		"%s already exists on cluster %q and belongs to another Weir installation (%s). It is not changed. %s", k, e.cluster, installation, remedy(k))
}

// remedy is what to do about an object that has the name already.
func remedy(k key) string {
	const again = "The agent checks again every few minutes."
	if k.kind != flink.KindDeployment {
		return "Delete it or choose another name. " + again
	}
	return "To have the application take it over, set the annotation " + adoptAnnotation + `: "true" on the application: ` +
		"the job continues if the specification is the same, and is upgraded if it differs. Otherwise, delete the object or choose another name. " + again
}

// adoptAnnotation is what users set on an application that is to take over an
// object. The control plane acts upon it.
const adoptAnnotation = "weir.dev/adopt"

func (e explainer) superseded(k key, epoch, mine int64) *problem {
	return retrying(ReasonSuperseded,
		"%s is not changed: session %d of cluster %q is newer than session %d of this agent. "+
			"Another agent is running for the cluster. Run only one agent per cluster.", k, epoch, e.cluster, mine)
}

func (e explainer) terminating(k key, since time.Time, finalizers []string) *problem {
	waitsFor := "the garbage collector"
	for _, f := range finalizers {
		if strings.Contains(f, flinkVersion.Group) {
			waitsFor = "the Flink Kubernetes Operator to remove its finalizer: check that the operator is running, and the events of " + k.String()
			break
		}
	}
	return retrying(ReasonTerminating, "%s on cluster %q has been terminating since %s. It is waiting for %s. Its finalizers: %s.",
		k, e.cluster, since.UTC().Format(time.RFC3339), waitsFor, strings.Join(finalizers, ", "))
}

// failed explains the API server's error for a request for an object.
func (e explainer) failed(verb string, k key, of *kind, err error) *problem {
	status := statusOf(err)
	text := status.Message
	refusal, isWebhook := webhookRefusal(text)
	switch {
	case refusal != "":
		return refused(ReasonInvalid, "An admission webhook of cluster %q refused %s: %s", e.cluster, k, refusal)
	case isWebhook:
		return retrying(ReasonWebhookUnavailable,
			"An admission webhook of cluster %q is unavailable, so the agent cannot %s %s. "+
				"If it is the webhook of the Flink Kubernetes Operator, check that the operator is running. Response of the API server: %s", e.cluster, verb, k, text)
	case strings.Contains(text, "denied the request"):
		return refused(ReasonInvalid, "An admission webhook of cluster %q refused %s: %s", e.cluster, k, text)
	case isMissingNamespace(err):
		return e.missingNamespace(k.namespace)
	case isMissingResource(err):
		return e.missingDefinition(of)
	case strings.Contains(text, "while custom resource definition is terminating"):
		return e.terminatingDefinition(of)
	case apierrors.IsForbidden(err):
		return e.forbidden(verb, k, of, text)
	case apierrors.IsUnauthorized(err):
		return retrying(ReasonUnauthorized,
			"The API server of cluster %q does not accept the agent's credentials. Check its ServiceAccount token or kubeconfig. Response of the API server: %s", e.cluster, text)
	case isInvalid(err, text):
		return refused(ReasonInvalid, "The API server of cluster %q refused %s: %s", e.cluster, k, text)
	case apierrors.IsConflict(err):
		return retrying(ReasonConflict, "Other clients keep changing %s on cluster %q while the agent writes it. Response of the API server: %s", k, e.cluster, text)
	}
	return retrying(ReasonUnavailable,
		"The API server of cluster %q failed to %s %s. The agent keeps retrying. Response of the API server: %s", e.cluster, verb, k, text)
}

func (e explainer) forbidden(verb string, k key, of *kind, text string) *problem {
	if !strings.Contains(text, " cannot ") {
		// Not RBAC: a quota, or a policy of admission.
		return retrying(ReasonForbidden, "Cluster %q does not allow the agent to %s %s: %s", e.cluster, verb, k, text)
	}
	return retrying(ReasonForbidden,
		"The agent is not permitted to %s %s in namespace %q of cluster %q. Grant its ServiceAccount a Role with the verbs "+
			"get, list, watch, create, patch and delete on %s there. Response of the API server: %s",
		verb, of.definition(), k.namespace, e.cluster, of.definition(), text)
}

// statusOf returns the response of the API server. If there was none, its message
// is the error.
func statusOf(err error) metav1.Status {
	var answer apierrors.APIStatus
	if errors.As(err, &answer) {
		return answer.Status()
	}
	return metav1.Status{Message: err.Error()}
}

// isMissingObject reports whether the object does not exist and its kind does.
func isMissingObject(err error) bool {
	details := statusOf(err).Details
	return apierrors.IsNotFound(err) && !isMissingResource(err) && details.Kind != "namespaces"
}

// isMissingResource reports whether the API server does not know the kind. Its
// response to such a request does not mention the object.
func isMissingResource(err error) bool {
	if !apierrors.IsNotFound(err) {
		return false
	}
	details := statusOf(err).Details
	if details == nil || details.Name == "" {
		return true
	}
	for _, cause := range details.Causes {
		if cause.Type == metav1.CauseTypeUnexpectedServerResponse {
			return true
		}
	}
	return false
}

func isMissingNamespace(err error) bool {
	if apierrors.HasStatusCause(err, "NamespaceTerminating") {
		return true
	}
	details := statusOf(err).Details
	return apierrors.IsNotFound(err) && details != nil && details.Kind == "namespaces" && details.Name != ""
}

// isInvalid reports whether the same request would be refused again. Server-side
// apply reports unknown fields only in the message.
func isInvalid(err error, text string) bool {
	return apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsRequestEntityTooLargeError(err) ||
		apierrors.IsUnsupportedMediaType(err) || apierrors.IsMethodNotSupported(err) ||
		strings.Contains(text, "failed to create typed patch object")
}
