// Package policy implements the policies that Flink clusters and jobs have to comply with.
package policy

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/query"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/validate"
	"github.com/openweir/weir/flink/policy"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

const (
	kindName = "Policy"
	// actionWarn accepts what does not comply, with a warning.
	actionWarn = "Warn"
)

type item = resource.Item[*cmfv1.Policy]

// Policies is the collection of policies, by name.
type Policies struct {
	store   *store.Store
	watches *resource.Watches
	kind    *resource.Kind[*cmfv1.Policy, *cmfv1.Policy]

	mu       sync.Mutex
	compiled map[string]compiled // by key
}

// compiled is a policy of a revision. It is nil if the policy cannot be compiled, which
// problem says then.
type compiled struct {
	revision int64
	policy   *policy.Policy
	problem  string
}

// New adds the collection of policies to the store.
func New(s *store.Store, watches *resource.Watches) *Policies {
	metadata := func(i item) *cmfv1.ObjectMeta { return i.Value().GetMetadata() }
	return &Policies{store: s, watches: watches, compiled: map[string]compiled{}, kind: &resource.Kind[*cmfv1.Policy, *cmfv1.Policy]{
		Noun: "Policy", Name: kindName,
		Records:  store.NewCollection[*cmfv1.Policy](s, "policies"),
		Metadata: (*cmfv1.Policy).GetMetadata,
		View:     func(i item, _ resource.Detail) *cmfv1.Policy { return i.Value() },
		List: &query.List[item]{
			Plural:     "policies",
			Name:       func(i item) string { return metadata(i).GetName() },
			UID:        func(i item) string { return metadata(i).GetUid() },
			Sort:       query.Described(metadata, query.ByTimestamp(func(i item) *timestamppb.Timestamp { return metadata(i).GetUpdateTimestamp() })),
			Filterable: true,
			Labels:     func(i item) map[string]string { return metadata(i).GetLabels() },
			Message:    query.Descriptor[*cmfv1.Policy](),
		},
	}}
}

// Room is what package control registers.
func (p *Policies) Room() resource.Room {
	return resource.Room{
		Kinds: []resource.Registered{p.kind},
		Register: func(server grpc.ServiceRegistrar) {
			cmfv1.RegisterPolicyServiceServer(server, &service{Policies: p})
		},
	}
}

// check validates a policy, and compiles it.
func check(p *cmfv1.Policy) error {
	var v apierror.Violations
	validate.ObjectName(&v, "metadata.name", p.GetMetadata().GetName())
	validate.Kind(&v, p.GetKind(), kindName)
	validate.ObjectMetadata(&v, p.GetMetadata())
	environments := p.GetSpec().GetEnvironments()
	for i, environment := range environments {
		field := fmt.Sprintf("spec.environments[%d]", i)
		switch {
		case environment == "*":
			v.Addf("%s: must be the name of an environment; leave spec.environments out for all of them", field)
		case slices.Contains(environments[:i], environment):
			v.Addf("%s: '%s' is listed twice", field, environment)
		default:
			validate.Name(&v, field, environment)
		}
	}
	if err := v.Invalid(); err != nil {
		return err
	}
	for i, kind := range p.GetSpec().GetKinds() {
		if slices.Contains(p.GetSpec().GetKinds()[:i], kind) {
			v.Addf("spec.kinds[%d]: %q is listed twice", i, kind)
		}
	}
	_, problems := policy.Compile(policy.ControlPlane, "spec.", definition(p))
	for _, problem := range problems {
		v.Addf("%s", problem.Error())
	}
	return v.Unprocessable()
}

// userPart is a copy of the fields of a policy that users write.
func userPart(p *cmfv1.Policy) *cmfv1.Policy {
	spec := proto.CloneOf(p.GetSpec())
	if spec.Action == "" {
		spec.Action = "Deny"
	}
	return &cmfv1.Policy{Metadata: resource.UserMetadata(p.GetMetadata()), Spec: spec}
}

func definition(p *cmfv1.Policy) policy.Definition {
	d := policy.Definition{Name: p.GetMetadata().GetName(), Kinds: p.GetSpec().GetKinds()}
	for _, c := range p.GetSpec().GetMatchConditions() {
		d.MatchConditions = append(d.MatchConditions, policy.Condition{Name: c.GetName(), Expression: c.GetExpression()})
	}
	for _, v := range p.GetSpec().GetValidations() {
		d.Validations = append(d.Validations, policy.Validation{
			Expression: v.GetExpression(), Message: v.GetMessage(), MessageExpression: v.GetMessageExpression(),
		})
	}
	return d
}

// compile returns a policy in its compiled form, which is kept until the policy changes.
func (p *Policies) compile(o *store.Object[*cmfv1.Policy]) compiled {
	p.mu.Lock()
	defer p.mu.Unlock()
	if known, ok := p.compiled[o.Key]; ok && known.revision == o.Revision {
		return known
	}
	out := compiled{revision: o.Revision}
	var problems []string
	compiledPolicy, wrong := policy.Compile(policy.ControlPlane, "spec.", definition(o.Value()))
	for _, problem := range wrong { // of a policy that another release stored
		problems = append(problems, problem.Error())
	}
	if len(problems) > 0 {
		out.problem = fmt.Sprintf("the policy is not valid: %v", problems)
	} else {
		out.policy = compiledPolicy
	}
	p.compiled[o.Key] = out
	return out
}

// forget drops what is kept of policies that are gone. The caller has the policies that
// exist.
func (p *Policies) forget(exist map[string]bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for key := range p.compiled {
		if !exist[key] {
			delete(p.compiled, key)
		}
	}
}

// Change is a change of an object on a cluster.
type Change struct {
	Environment *cmfv1.Environment
	// Field is the field of the request that the object is made of, for messages.
	Field string
	// Render makes the object as it would be, and Old as it was; it returns "" if there
	// was none. Neither is called if no policy needs it.
	Render, Old func() (manifest string, err error)
}

// Check evaluates the policies on a change. Its error is the refusal for what violates a
// policy; warnings are those for the user. The transaction is committed only if the
// policies are still the same, unless there are none.
func (p *Policies) Check(ctx context.Context, tx *store.Tx, change Change) (warnings []string, err error) {
	records := p.kind.Records.In(tx)
	if records.Count("") == 0 {
		return nil, nil // and no condition, which would cost something
	}
	p.kind.Records.RequireNoneSince(tx, "", tx.Revision())
	var object *policy.Object
	var refusals apierror.Violations
	exist := map[string]bool{}
	for o := range records.Under("") {
		exist[o.Key] = true
		if in := o.Value().GetSpec().GetEnvironments(); len(in) > 0 && !slices.Contains(in, change.Environment.GetName()) {
			continue
		}
		if object == nil {
			if object, err = objectOf(change); err != nil {
				return nil, err
			}
		}
		var messages []string
		if c := p.compile(o); c.policy == nil {
			messages = []string{c.problem}
		} else {
			messages = c.policy.Evaluate(ctx, *object)
		}
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("evaluate policies: %w", err)
		}
		for _, message := range messages {
			text := fmt.Sprintf("%s: policy '%s': %s", change.Field, o.Value().GetMetadata().GetName(), message)
			if o.Value().GetSpec().GetAction() == actionWarn {
				warnings = append(warnings, text)
			} else {
				refusals.Addf("%s", text)
			}
		}
	}
	p.forget(exist)
	return warnings, refusals.Unprocessable()
}

func objectOf(change Change) (*policy.Object, error) {
	manifest, err := change.Render()
	if err != nil {
		return nil, err
	}
	content, err := parse(manifest)
	if err != nil {
		return nil, err
	}
	env := change.Environment
	return &policy.Object{
		Content: content,
		Old: func() (map[string]any, error) {
			manifest, err := change.Old()
			if err != nil || manifest == "" {
				return nil, err
			}
			return parse(manifest)
		},
		Environment: map[string]any{
			"name":                  env.GetName(),
			"kubernetesNamespace":   env.GetKubernetesNamespace(),
			"kubernetesClusterName": env.GetKubernetesClusterName(),
			"labels":                texts(env.GetMetadata().GetLabels()),
			"annotations":           texts(env.GetMetadata().GetAnnotations()),
		},
	}, nil
}

// Warnings are sent as headers, whose number and size clients and proxies limit.
const (
	maxWarnings = 10
	maxWarning  = 400 // bytes
)

// Warn tells the caller the warnings of Check, of many only the first.
func Warn(ctx context.Context, warnings []string) error {
	for i, text := range warnings {
		if i == maxWarnings {
			return resource.Warn(ctx, fmt.Sprintf("%d more warnings of policies", len(warnings)-i))
		}
		if text = policy.ASCII(text); len(text) > maxWarning {
			text = text[:maxWarning] + "..."
		}
		if err := resource.Warn(ctx, text); err != nil {
			return err
		}
	}
	return nil
}
