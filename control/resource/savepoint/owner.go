package savepoint

import (
	"fmt"
	"strings"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/flinkspec"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/flink"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Owner is what savepoints are taken of: an application or a statement.
type Owner struct {
	Env *cmfv1.Environment
	// Noun and Name are for messages, such as Application 'x'.
	Noun, Name string
	// Key is what the keys of the owner's savepoints are under.
	Key string
	// JobKind and JobName are the object of the job. JobKind is empty where
	// nothing is deployed.
	JobKind, JobName string
}

// Nouns of owners, and their kinds as keys have them.
const (
	nounApplication = "Application"
	nounStatement   = "Statement"

	kindApplications = "applications"
	kindStatements   = "statements"
)

// ForApplication is the application of a name as an owner, whether or not there
// is one.
func ForApplication(env *cmfv1.Environment, name string) Owner {
	return Owner{
		Env: env, Noun: nounApplication, Name: name,
		Key:     store.Key(env.GetName(), kindApplications, name),
		JobKind: flink.KindDeployment, JobName: name,
	}
}

// ForStatement is a statement as an owner.
func ForStatement(env *cmfv1.Environment, record *storev1.StatementRecord) Owner {
	name := record.GetStatement().GetMetadata().GetName()
	return Owner{
		Env: env, Noun: nounStatement, Name: name,
		Key:     store.Key(env.GetName(), kindStatements, name),
		JobKind: record.GetObjectKind(), JobName: name,
	}
}

// notFound is the error for a name that the owner of a path has no savepoint of.
func notFound(path, name string) error {
	segments := store.Segments(path)
	env, kind, owner := segments[0], segments[1], segments[2]
	noun := nounApplication
	if kind == kindStatements {
		noun = nounStatement
	}
	return apierror.NotFound("Savepoint '%s' not found for %s '%s' in environment '%s'.", name, strings.ToLower(noun), owner, env)
}

// Path is where the completed savepoint is that a reference means: one of the
// owner's by name or uid, a detached one by uid, or any by its path.
func (s *Savepoints) Path(at store.Reader, owner Owner, ref flinkspec.SavepointReference) (string, error) {
	if ref.Path != "" {
		return ref.Path, nil
	}
	for o := range s.Records.In(at).Under(owner.Key) {
		metadata := o.Value().GetSavepoint().GetMetadata()
		if metadata.GetUid() != ref.UID && (ref.UID != "" || metadata.GetName() != ref.Name) {
			continue
		}
		item, _ := s.Kind.Item(at, o.Key)
		status := statusOf(item.Value(), item.Reported())
		if status.GetState() != contract.SavepointCompleted || status.GetPath() == "" {
			return "", apierror.Unprocessable(fmt.Sprintf("Savepoint '%s' is %s: only a completed savepoint can be started from.", metadata.GetName(), status.GetState()))
		}
		return status.GetPath(), nil
	}
	if ref.UID == "" {
		return "", notFound(owner.Key, ref.Name)
	}
	for detached := range s.detached.In(at).By(byUID, ref.UID) {
		return detached.Value().GetSpec().GetPath(), nil
	}
	return "", apierror.NotFound("Savepoint with uid '%s' not found for %s '%s' in environment '%s', nor among the detached savepoints.",
		ref.UID, strings.ToLower(owner.Noun), owner.Name, owner.Env.GetName())
}
