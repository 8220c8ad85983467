package driver

import (
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// Reasons of an Ack whose outcome is REFUSED or RETRYING.
const (
	// ReasonMissingDefinition says that the kind is not known on the cluster.
	ReasonMissingDefinition = "MissingCustomResourceDefinition"
	// ReasonMissingNamespace says that the namespace is absent, is being deleted
	// or is not the agent's to work in.
	ReasonMissingNamespace = "MissingNamespace"
	// ReasonForbidden says that RBAC or an admission policy refused.
	ReasonForbidden = "Forbidden"
	// ReasonInvalid says that the object is not as the API server, or the
	// operator's webhook, demands.
	ReasonInvalid = "Invalid"
	// ReasonNotOwned says that somebody else's object has the name.
	ReasonNotOwned = "NotOwned"
	// ReasonUnsupportedKind says that the agent does not apply such objects.
	ReasonUnsupportedKind = "UnsupportedKind"
	// ReasonWebhookUnavailable says that an admission webhook does not answer.
	ReasonWebhookUnavailable = "WebhookUnavailable"
	// ReasonUnavailable says that the API server does not answer, or not now.
	ReasonUnavailable = "Unavailable"
	// ReasonUnauthorized says that the API server does not know the agent.
	ReasonUnauthorized = "Unauthorized"
	// ReasonConflict says that others keep changing the object.
	ReasonConflict = "Conflict"
	// ReasonSuperseded says that a newer session has applied the object.
	ReasonSuperseded = "Superseded"
	// ReasonTerminating says that the deletion of the object does not end.
	ReasonTerminating = "Terminating"
)

// problem is why an object is not as it should be, in words that a user can
// act upon.
type problem struct {
	outcome agentv1.Outcome
	reason  string
	message string
}

func retrying(reason, format string, args ...any) *problem {
	return &problem{agentv1.Outcome_OUTCOME_RETRYING, reason, fmt.Sprintf(format, args...)}
}

func refused(reason, format string, args ...any) *problem {
	return &problem{agentv1.Outcome_OUTCOME_REFUSED, reason, fmt.Sprintf(format, args...)}
}

// explainer knows what an explanation has to name.
type explainer struct {
	cluster string
}

func (e explainer) missingDefinition(k *kind) *problem {
	return retrying(ReasonMissingDefinition,
		"The custom resource definition %s (version %s) is not installed on cluster %q. "+
			"Install the Flink Kubernetes Operator there; the agent goes on by itself once the definition exists.",
		k.definition(), k.version.Version, e.cluster)
}

func (e explainer) missingNamespace(name string) *problem {
	return retrying(ReasonMissingNamespace,
		"Namespace %q does not exist on cluster %q, or is being deleted. Create it (kubectl create namespace %s); the agent goes on by itself.",
		name, e.cluster, name)
}

func (e explainer) foreignNamespace(name string) *problem {
	return refused(ReasonMissingNamespace,
		"The agent of cluster %q does not work in namespace %q. Add it to the namespaces that the agent is configured with.",
		e.cluster, name)
}

func (e explainer) unsupported(k key) *problem {
	return refused(ReasonUnsupportedKind, "The agent of cluster %q does not apply objects of kind %s (%s).", e.cluster, k.kind, k.apiVersion)
}

func (e explainer) notOwned(k key) *problem {
	return refused(ReasonNotOwned,
		"%s exists on cluster %q already and was not created by Weir, which leaves it alone. "+
			"Delete it, or choose another name; the agent looks again every few minutes.", k, e.cluster)
}

func (e explainer) superseded(k key, epoch, mine int64) *problem {
	return retrying(ReasonSuperseded,
		"%s was applied in session %d of cluster %q, which is newer than this agent's session %d. "+
			"Another agent acts for the cluster; run only one.", k, epoch, e.cluster, mine)
}

func (e explainer) terminating(k key, since time.Time, finalizers []string) *problem {
	who := "the garbage collector"
	for _, f := range finalizers {
		if strings.Contains(f, flink.Group) {
			who = "the Flink Kubernetes Operator, whose finalizer it bears: check that the operator runs, and see the events of " + k.String()
			break
		}
	}
	return retrying(ReasonTerminating, "%s on cluster %q has been on its way out since %s and waits for %s. Its finalizers: %s.",
		k, e.cluster, since.UTC().Format(time.RFC3339), who, strings.Join(finalizers, ", "))
}

// failed explains what the API server answered to a request for an object.
func (e explainer) failed(verb string, k key, of *kind, err error) *problem {
	status := statusOf(err)
	text := status.Message
	switch {
	case strings.Contains(text, "failed calling webhook"), strings.Contains(text, "failed to call webhook"):
		return retrying(ReasonWebhookUnavailable,
			"An admission webhook of cluster %q does not answer, so that nothing can %s %s. "+
				"If it is the Flink Kubernetes Operator's, check that the operator runs. The API server says: %s", e.cluster, verb, k, text)
	case strings.Contains(text, "denied the request"):
		return refused(ReasonInvalid, "An admission webhook of cluster %q refuses %s: %s", e.cluster, k, text)
	case isMissingNamespace(err):
		return e.missingNamespace(k.namespace)
	case isMissingResource(err):
		return e.missingDefinition(of)
	case apierrors.IsForbidden(err):
		return e.forbidden(verb, k, of, text)
	case apierrors.IsUnauthorized(err):
		return retrying(ReasonUnauthorized,
			"The API server of cluster %q does not accept the agent's credentials. Check its ServiceAccount token or kubeconfig. It says: %s", e.cluster, text)
	case isInvalid(err, text):
		return refused(ReasonInvalid, "The API server of cluster %q refuses %s: %s", e.cluster, k, text)
	case apierrors.IsConflict(err):
		return retrying(ReasonConflict, "%s on cluster %q keeps being changed by others while the agent writes it. The API server says: %s", k, e.cluster, text)
	}
	return retrying(ReasonUnavailable,
		"The API server of cluster %q could not %s %s; the agent goes on trying. It says: %s", e.cluster, verb, k, text)
}

func (e explainer) forbidden(verb string, k key, of *kind, text string) *problem {
	if !strings.Contains(text, " cannot ") {
		// Not RBAC: a quota, or a policy of admission.
		return retrying(ReasonForbidden, "Cluster %q does not allow to %s %s: %s", e.cluster, verb, k, text)
	}
	return retrying(ReasonForbidden,
		"The agent may not %s %s in namespace %q of cluster %q. Give its ServiceAccount a Role with the verbs "+
			"get, list, watch, create, patch and delete on %s there. The API server says: %s",
		verb, of.definition(), k.namespace, e.cluster, of.definition(), text)
}

// statusOf is the API server's answer. Where there was none, its message is
// the error itself.
func statusOf(err error) metav1.Status {
	var answer apierrors.APIStatus
	if errors.As(err, &answer) {
		return answer.Status()
	}
	return metav1.Status{Message: err.Error()}
}

// isMissingObject says that the object is absent while its kind is known.
func isMissingObject(err error) bool {
	details := statusOf(err).Details
	return apierrors.IsNotFound(err) && !isMissingResource(err) && details.Kind != "namespaces"
}

// isMissingResource says that the API server does not know the kind. It
// answers such a request with no word of the object.
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

// isInvalid says that the same request would be refused again. Server-side
// apply says so of unknown fields in words only.
func isInvalid(err error, text string) bool {
	return apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsRequestEntityTooLargeError(err) ||
		apierrors.IsUnsupportedMediaType(err) || apierrors.IsMethodNotSupported(err) ||
		strings.Contains(text, "failed to create typed patch object")
}
