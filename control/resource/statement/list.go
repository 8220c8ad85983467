package statement

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/query"
	"github.com/openweir/weir/control/query/filter"
	"github.com/openweir/weir/control/resource"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func list() *query.List[Item] {
	metadata := func(item Item) *cmfv1.ObjectMeta { return metadataOf(item.Head()) }
	name := func(item Item) string { return metadata(item).GetName() }
	return &query.List[Item]{
		Plural: "statements",
		Name:   name,
		UID:    func(item Item) string { return metadata(item).GetUid() },
		Sort: query.Described(metadata, query.ByTimestamp(func(item Item) *timestamppb.Timestamp {
			return resource.UpdateTime(metadata(item), item.ReportedHead().GetUpdateTime())
		})),
		Filterable: true,
		Labels:     func(item Item) map[string]string { return metadata(item).GetLabels() },
		Attributes: map[string]func(Item) string{"phase": phaseOf},
		Scopes: map[string]query.Scope[Item]{
			"name":      query.Contains(name),
			"statement": query.Contains(func(item Item) string { return item.Head().GetStatement().GetSpec().GetStatement() }),
		},
		Message: query.Descriptor[*cmfv1.Statement](),
	}
}

// parameters are those that only lists and watches of statements have.
type parameters interface {
	GetPhase() string
	GetComputePool() string
	GetName() string
}

// filterOf is what the parameters of statements alone ask for.
func filterOf(req parameters) (func(Item) bool, error) {
	phase := strings.ToUpper(req.GetPhase())
	if phase != "" && !slices.Contains(phases, phase) {
		return nil, apierror.Invalid(fmt.Sprintf("phase: must be one of %s, got %q", strings.ToLower(strings.Join(phases, ", ")), req.GetPhase()))
	}
	var pattern *filter.Pattern
	if req.GetName() != "" {
		compiled := filter.CompilePattern(req.GetName())
		pattern = &compiled
	}
	if phase == "" && req.GetComputePool() == "" && pattern == nil {
		return nil, nil // a page of all costs what is on it
	}
	return func(item Item) bool {
		return (phase == "" || phaseOf(item) == phase) &&
			(req.GetComputePool() == "" || poolOf(item.Head()) == req.GetComputePool()) &&
			(pattern == nil || pattern.Match(metadataOf(item.Head()).GetName()))
	}, nil
}
