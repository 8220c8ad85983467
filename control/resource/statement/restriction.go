package statement

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/openweir/weir/control/resource/computepool"
	"github.com/openweir/weir/control/sql/metadata"
	"github.com/openweir/weir/control/sql/token"
	"github.com/openweir/weir/flink"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// What the statements of a shared pool may use, as they run in the same processes.
var (
	sharedConnectors = []string{"", "confluent", "kafka", "upsert-kafka", "datagen", "print", "blackhole"}
	// sharedOptions begin the names of options of a job.
	sharedOptions = []string{
		"execution.batch", "execution.buffer-timeout", "execution.checkpointing.", flink.RuntimeMode, "execution.sorted-inputs", "execution.state-recovery.",
		"parallelism.default", "pipeline.", "restart-strategy", "state.", "table.",
	}
	// codeOptions begin the names of those of them that load code or read files.
	codeOptions = []string{"pipeline.jars", "pipeline.classpaths", "pipeline.cached-files", "table.catalog-store.", "table.resources."}
)

// restriction is what the statements of a pool may use.
type restriction struct {
	// connectors by name; paths and options by what they begin with. nil allows all.
	connectors, paths, options []string
}

// restrictionOf is the restriction of a pool: that of its type, widened by the
// annotations of the pool. A dedicated pool has none without annotations.
func restrictionOf(pool *cmfv1.ComputePool) restriction {
	annotations := pool.GetMetadata().GetAnnotations()
	allowed := func(annotation string, shared []string) []string {
		text, given := annotations[annotation]
		if !given && !computepool.IsShared(pool) {
			return nil
		}
		out := slices.Clone(shared)
		for part := range strings.SplitSeq(text, ",") {
			switch part = strings.TrimSpace(part); part {
			case "":
			case "*":
				return nil
			default:
				out = append(out, part)
			}
		}
		return out
	}
	return restriction{
		connectors: allowed(computepool.ConnectorsAnnotation, sharedConnectors),
		paths:      allowed(computepool.PathsAnnotation, []string{}),
		options:    allowed(computepool.OptionsAnnotation, sharedOptions),
	}
}

// refusal says what a statement with such a configuration, tables and options in hints
// may not use; empty if it may use everything.
func (r restriction) refusal(configuration map[string]string, tables []*storev1.StatementTable, hints map[string][]string) string {
	for _, key := range slices.Sorted(maps.Keys(configuration)) {
		if !r.allowsOption(key) {
			return fmt.Sprintf("Option %s is not allowed in the Flink configuration of statements of this compute pool; its annotation %s can allow it.", key, computepool.OptionsAnnotation)
		}
		if !r.allowsPath(configuration[key]) {
			return fmt.Sprintf("Option %s must not be a local path; the annotation %s of the compute pool can allow it.", key, computepool.PathsAnnotation)
		}
	}
	for _, table := range tables {
		path := metadata.Path{Catalog: table.GetCatalog(), Database: table.GetDatabase(), Table: table.GetName()}
		options := table.GetDefinition().GetOptions()
		if connector := options["connector"]; !r.allowsConnector(connector) {
			return fmt.Sprintf("Table %s has the connector %s, which is not allowed for statements of this compute pool; its annotation %s can allow it.", path, token.QuoteString(connector), computepool.ConnectorsAnnotation)
		}
		for _, key := range slices.Sorted(maps.Keys(options)) {
			if isPath(key) && !r.allowsPath(options[key]) {
				return fmt.Sprintf("Option %s of table %s must not be a local path; the annotation %s of the compute pool can allow it.", token.QuoteString(key), path, computepool.PathsAnnotation)
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(hints)) {
		for _, value := range hints[key] {
			if key == "connector" && !r.allowsConnector(value) {
				return fmt.Sprintf("The connector %s of a hint is not allowed for statements of this compute pool; its annotation %s can allow it.", token.QuoteString(value), computepool.ConnectorsAnnotation)
			}
			if isPath(key) && !r.allowsPath(value) {
				return fmt.Sprintf("Option %s of a hint must not be a local path; the annotation %s of the compute pool can allow it.", token.QuoteString(key), computepool.PathsAnnotation)
			}
		}
	}
	return ""
}

func (r restriction) allowsConnector(name string) bool {
	return r.connectors == nil || slices.Contains(r.connectors, name)
}

func (r restriction) allowsOption(key string) bool {
	switch {
	case r.options == nil:
		return true
	case !beginsWith(key, r.options):
		return false
	case !beginsWith(key, codeOptions):
		return true
	}
	// A prefix such as "pipeline." does not include what loads code: that has to be
	// named.
	return slices.ContainsFunc(r.options, func(allowed string) bool {
		return strings.HasPrefix(key, allowed) && beginsWith(allowed, codeOptions)
	})
}

// allowsPath is true for values that are no local paths, and for those that are
// allowed.
func (r restriction) allowsPath(value string) bool {
	lower := strings.ToLower(strings.TrimSpace(value))
	local := strings.HasPrefix(lower, "/") || strings.HasPrefix(lower, "file:") || strings.HasPrefix(lower, "local:") || strings.Contains(lower, "file://")
	if r.paths == nil || !local {
		return true
	}
	return !strings.Contains(value, "..") && beginsWith(value, r.paths)
}

// isPath is true for an option of a table whose value may be a path.
func isPath(key string) bool {
	key = strings.ToLower(key)
	return key == "path" || strings.HasSuffix(key, ".path") || strings.HasSuffix(key, ".location") || strings.HasSuffix(key, "-path")
}
