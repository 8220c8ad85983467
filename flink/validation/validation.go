// Package validation is the validator of the Flink Kubernetes Operator: the rules
// of its webhook, and those of its custom resource definitions that a user meets.
// They are the rules of release 1.15.0, and what later releases added to the
// ranges of the autoscaler.
package validation

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/openweir/weir/flink"
	"github.com/openweir/weir/openjson"
)

// Problem is a rule that an object breaks.
type Problem struct {
	// Field is the path of a field, such as spec.job.upgradeMode.
	Field string
	Rule  string
	// Unset is true if the specification does not set what the rule asks for. The
	// operator lays specifications over configuration of its own, which may.
	Unset bool
}

// Error returns the field and the rule.
func (p Problem) Error() string { return p.Field + ": " + p.Rule }

// namePattern is what the name of a Flink cluster must match: it becomes the
// prefix of the names of services.
var namePattern = regexp.MustCompile(`^[a-z]([-a-z0-9]{0,43}[a-z0-9])?$`)

// Name returns what is wrong with the name of a FlinkDeployment.
func Name(field, name string) []Problem {
	if namePattern.MatchString(name) {
		return nil
	}
	return []Problem{{Field: field, Rule: fmt.Sprintf("must match %s, got %q", namePattern, name)}}
}

// Deployment returns what is wrong with the specification of a FlinkDeployment by
// itself. One without a job is a session cluster.
func Deployment(spec openjson.Object) []Problem {
	c := checker{spec: spec, options: flink.Options(spec)}
	c.text("image")
	c.version()
	c.oneOf([]string{flink.Native, flink.Standalone}, "mode")
	c.text("imagePullPolicy")
	c.integer(math.MinInt64, math.MaxInt64, "restartNonce")
	c.configuration()
	c.autoscaler()
	c.ingress()
	c.logging()
	c.podTemplate()
	c.process("jobManager")
	c.process("taskManager")
	c.serviceAccount()
	c.job()
	return c.problems
}

// SessionJob returns what is wrong with the specification of a FlinkSessionJob.
// inForce is the one that the operator carried out last, cluster that of its
// session cluster; either is nil if there is none.
func SessionJob(spec, inForce, cluster openjson.Object) []Problem {
	options := flink.Options(cluster)
	for name, value := range flink.Options(spec) {
		options[name] = value
	}
	c := checker{spec: spec, options: options}
	name := c.text("deploymentName")
	c.problems = append(c.problems, Name("spec.deploymentName", name)...)
	if spec["job"] == nil {
		c.addf("spec.job", "must be set")
	}
	if inForce != nil && openjson.String(inForce, "deploymentName") != name {
		c.addf("spec.deploymentName", "cannot change")
	}
	switch {
	case cluster == nil:
	case cluster["job"] != nil:
		c.addf("spec.deploymentName", "must name a session cluster: %q is an application cluster", name)
	default:
		c.job()
		c.autoscaler()
	}
	return c.problems
}

// StateSnapshot returns what is wrong with the specification of a
// FlinkStateSnapshot.
func StateSnapshot(spec openjson.Object) []Problem {
	if (spec["savepoint"] == nil) == (spec["checkpoint"] == nil) {
		return []Problem{{Field: "spec", Rule: "must have exactly one of savepoint and checkpoint"}}
	}
	exists, _ := openjson.Field(spec, "savepoint", "alreadyExists").(bool)
	if !exists && (openjson.String(spec, "jobReference", "kind") == "" || openjson.String(spec, "jobReference", "name") == "") {
		return []Problem{{Field: "spec.jobReference", Rule: "must have a kind and a name"}}
	}
	return nil
}

// checker collects the problems of a specification.
type checker struct {
	spec openjson.Object
	// options are the Flink configuration of the specification.
	options  map[string]string
	problems []Problem
}

func (c *checker) addf(field, format string, args ...any) {
	c.problems = append(c.problems, Problem{Field: field, Rule: fmt.Sprintf(format, args...)})
}

// need notes what a field needs of an option, unless it is met.
func (c *checker) need(met bool, field string, option flink.Option, format string, args ...any) {
	if met {
		return
	}
	name, _ := option.In(c.options)
	c.addf(field, "needs "+format, args...)
	// An older name leaves the current one to the operator's configuration.
	c.problems[len(c.problems)-1].Unset = name != option[0]
}

func (c *checker) text(path ...string) string {
	value := openjson.Field(c.spec, path...)
	text, isText := value.(string)
	if value != nil && !isText {
		c.addf(field(path), "must be a string")
	}
	return text
}

func (c *checker) oneOf(allowed []string, path ...string) string {
	text := c.text(path...)
	if _, isText := openjson.Field(c.spec, path...).(string); isText && !slices.Contains(allowed, text) {
		c.addf(field(path), "must be one of %s, got %q", strings.Join(allowed, ", "), text)
	}
	return text
}

func (c *checker) object(path ...string) openjson.Object {
	value := openjson.Field(c.spec, path...)
	object, isObject := value.(openjson.Object)
	if value != nil && !isObject {
		c.addf(field(path), "must be an object")
	}
	return object
}

func (c *checker) integer(low, high int64, path ...string) int64 {
	value := openjson.Field(c.spec, path...)
	if value == nil {
		return 0
	}
	number, _ := value.(json.Number)
	n, err := number.Int64()
	if err != nil {
		c.addf(field(path), "must be an integer")
	} else if n < low || n > high {
		c.addf(field(path), "must be between %d and %d", low, high)
	}
	return n
}

func field(path []string) string { return "spec." + strings.Join(path, ".") }

func optionField(name string) string {
	return fmt.Sprintf("spec.%s[%q]", flink.FieldConfiguration, name)
}
