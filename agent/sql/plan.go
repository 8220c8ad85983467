package sql

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/openweir/weir/agent/sql/gateway"
	"github.com/openweir/weir/flink"
)

// maxProbedColumns is the maximum number of columns of a query whose key is
// determined: each takes a plan.
const maxProbedColumns = 16

// planTraits determines the traits of a statement by EXPLAIN. Traits that the
// planner does not show, as for an invalid statement, are absent.
func planTraits(ctx context.Context, session *gateway.Session, spec *Spec) *traits {
	found := &traits{}
	explained := explainable(spec.Statement)
	if _, err := run(ctx, session, "EXPLAIN "+explained, map[string]string{flink.RuntimeMode: "BATCH"}); err == nil {
		found.IsBounded = new(true)
	} else if isUnbounded(err) {
		found.IsBounded = new(false)
	}
	if strings.EqualFold(spec.Configuration[flink.RuntimeMode], "batch") {
		found.IsAppendOnly = new(true) // a batch job only inserts
		return found
	}
	plan, err := run(ctx, session, "EXPLAIN CHANGELOG_MODE "+explained, map[string]string{flink.RuntimeMode: "STREAMING"})
	if err == nil {
		found.IsAppendOnly = appendOnly(plan.text())
	}
	return found
}

// executeSet matches a statement set. EXPLAIN accepts it without EXECUTE.
var executeSet = regexp.MustCompile(`(?is)^\s*EXECUTE\s+(STATEMENT\s+SET\b.*)$`)

func explainable(statement string) string {
	statement = strings.TrimRight(strings.TrimSpace(statement), "; \t\r\n")
	if set := executeSet.FindStringSubmatch(statement); set != nil {
		return set[1]
	}
	return statement
}

// isUnbounded reports whether the planner has rejected a statement in batch mode
// because a table is unbounded.
func isUnbounded(err error) bool {
	return gateway.IsFailure(err) && strings.Contains(err.Error(), "unbounded") && strings.Contains(err.Error(), "batch mode")
}

const physicalPlan = "== Optimized Physical Plan =="

var changelogMode = regexp.MustCompile(`changelogMode=\[([A-Z,]*)\]`)

// appendOnly reads from a plan with changelog modes whether the statement returns,
// or writes, insertions only. It is nil if the plan does not show that.
func appendOnly(plan string) *bool {
	_, plan, found := strings.Cut(plan, physicalPlan)
	if !found {
		return nil
	}
	plan, _, _ = strings.Cut(plan, "\n== ")
	var all *bool
	sink := false
	for line := range strings.SplitSeq(plan, "\n") {
		root := line != "" && !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "+-")
		if root && (strings.HasPrefix(line, "Sink(") || strings.HasPrefix(line, "LegacySink(")) {
			sink = true // it writes what its input returns
			continue
		}
		if !root && !sink {
			continue
		}
		sink = false
		modes := changelogMode.FindAllStringSubmatch(line, -1)
		if len(modes) == 0 {
			continue
		}
		only := modes[len(modes)-1][1] == "I"
		if all == nil || !only {
			all = new(only)
		}
	}
	return all
}

// probeUpsertColumns determines the columns that identify a row of a query with
// updates. EXPLAIN does not show them, but the planner adds a materialization to
// a sink whose primary key does not contain them all.
func (s *statement) probeUpsertColumns(ctx context.Context, w *revision, q *query) {
	s.mu.Lock()
	found := *s.status.Traits
	s.mu.Unlock()
	if found.IsAppendOnly == nil || *found.IsAppendOnly || len(q.encoder.Columns) > maxProbedColumns {
		return
	}
	key, err := upsertColumns(ctx, q.session, explainable(w.spec.Statement))
	if err != nil {
		s.log.Debug("failed to determine the columns that identify a row", "error", err)
		return
	}
	if len(key) == 0 {
		return
	}
	found.UpsertColumns = key
	s.update(func(st *status) { st.Traits = &found })
}

// probeName is the prefix of the views and tables of a probe.
const probeName = "weir_probe"

// upsertColumns returns a minimal set of columns that identify a row; empty if
// there is none.
func upsertColumns(ctx context.Context, session *gateway.Session, query string) ([]int32, error) {
	if _, err := run(ctx, session, "CREATE TEMPORARY VIEW "+probeName+" AS "+query, nil); err != nil {
		return nil, err
	}
	described, err := run(ctx, session, "DESCRIBE "+probeName, nil)
	if err != nil {
		return nil, err
	}
	columns := make([]string, len(described.rows))
	names := make([]string, len(described.rows))
	key := make([]int32, len(described.rows))
	for i, r := range described.rows {
		if len(r) < 2 {
			return nil, fmt.Errorf("DESCRIBE returned a row of %d columns", len(r))
		}
		names[i] = "`" + strings.ReplaceAll(r[0], "`", "``") + "`"
		// The types of time attributes have a suffix.
		columnType, _, _ := strings.Cut(r[1], " *")
		columns[i], key[i] = names[i]+" "+columnType, int32(i)
	}
	p := probe{session: session, columns: columns, names: names}
	holds, err := p.identifies(ctx, key)
	if err != nil || !holds {
		return nil, err
	}
	// Later columns are more likely to be values than keys.
	for i := len(columns) - 1; i >= 0 && len(key) > 1; i-- {
		without := slices.DeleteFunc(slices.Clone(key), func(c int32) bool { return c == int32(i) })
		if holds, err = p.identifies(ctx, without); err != nil {
			return nil, err
		}
		if holds {
			key = without
		}
	}
	return key, nil
}

// probe plans inserts into temporary tables.
type probe struct {
	session *gateway.Session
	columns []string // as in CREATE TABLE
	names   []string
	tables  int
}

// identifies reports whether the columns of a key identify a row of the view.
func (p *probe) identifies(ctx context.Context, key []int32) (bool, error) {
	names := make([]string, len(key))
	for i, c := range key {
		names[i] = p.names[c]
	}
	p.tables++
	table := fmt.Sprintf("%s_%d", probeName, p.tables)
	create := fmt.Sprintf("CREATE TEMPORARY TABLE %s (%s, PRIMARY KEY (%s) NOT ENFORCED) WITH ('connector'='blackhole')",
		table, strings.Join(p.columns, ", "), strings.Join(names, ", "))
	if _, err := run(ctx, p.session, create, nil); err != nil {
		return false, err
	}
	plan, err := run(ctx, p.session, "EXPLAIN INSERT INTO "+table+" SELECT * FROM "+probeName, nil)
	if err != nil {
		return false, err
	}
	if !strings.Contains(plan.text(), physicalPlan) {
		return false, fmt.Errorf("the plan does not contain %q", physicalPlan)
	}
	return !strings.Contains(plan.text(), "upsertMaterialize"), nil
}
