package sql

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/openweir/weir/agent/sql/gateway"
)

// maxProbedColumns bounds the columns of a query whose key is looked for: each
// takes a plan.
const maxProbedColumns = 16

// planTraits asks the planner for what it knows of a statement. What it does
// not tell, such as for a statement that is wrong, is absent.
func planTraits(ctx context.Context, session *gateway.Session, spec *Spec) *traits {
	told := &traits{}
	explained := explainable(spec.Statement)
	if _, err := run(ctx, session, "EXPLAIN "+explained, map[string]string{optionMode: "BATCH"}); err == nil {
		told.IsBounded = yes(true)
	} else if isUnbounded(err) {
		told.IsBounded = yes(false)
	}
	if strings.EqualFold(spec.Configuration[optionMode], "batch") {
		told.IsAppendOnly = yes(true) // a batch job has nothing but insertions
		return told
	}
	plan, err := run(ctx, session, "EXPLAIN CHANGELOG_MODE "+explained, map[string]string{optionMode: "STREAMING"})
	if err == nil {
		told.IsAppendOnly = appendOnly(plan.text())
	}
	return told
}

func yes(b bool) *bool { return &b }

// executeSet begins a statement set. EXPLAIN takes one without EXECUTE.
var executeSet = regexp.MustCompile(`(?is)^\s*EXECUTE\s+(STATEMENT\s+SET\b.*)$`)

func explainable(statement string) string {
	statement = strings.TrimRight(strings.TrimSpace(statement), "; \t\r\n")
	if set := executeSet.FindStringSubmatch(statement); set != nil {
		return set[1]
	}
	return statement
}

// isUnbounded tells whether the planner has refused a statement in batch mode
// since a table has no end.
func isUnbounded(err error) bool {
	return gateway.IsFailure(err) && strings.Contains(err.Error(), "unbounded") && strings.Contains(err.Error(), "batch mode")
}

const physicalPlan = "== Optimized Physical Plan =="

var changelogMode = regexp.MustCompile(`changelogMode=\[([A-Z,]*)\]`)

// appendOnly reads a plan with changelog modes: whether all that the statement
// gives, or writes, are insertions. It is nil where the plan does not tell.
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
			sink = true // what it writes is what its input gives
			continue
		}
		if !root && !sink {
			continue
		}
		sink = false
		found := changelogMode.FindAllStringSubmatch(line, -1)
		if len(found) == 0 {
			continue
		}
		only := found[len(found)-1][1] == "I"
		if all == nil || !only {
			all = yes(only)
		}
	}
	return all
}

// probeUpsertColumns finds the columns that identify a row of a query with
// updates. EXPLAIN has no word for them; but the planner adds a materialization
// to a sink whose primary key does not have them all.
func (s *statement) probeUpsertColumns(ctx context.Context, w *want, q *query) {
	s.mu.Lock()
	told := *s.status.Traits
	s.mu.Unlock()
	if told.IsAppendOnly == nil || *told.IsAppendOnly || len(q.encoder.Columns) > maxProbedColumns {
		return
	}
	key, err := upsertColumns(ctx, q.session, explainable(w.spec.Statement))
	if err != nil {
		s.log.Debug("the planner does not tell the columns that identify a row", "error", err)
		return
	}
	if len(key) == 0 {
		return
	}
	told.UpsertColumns = key
	s.update(func(st *status) { st.Traits = &told })
}

// probeName begins the names of the views and tables of a probe.
const probeName = "weir_probe"

// upsertColumns is the least set of columns that identify a row; empty where
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
			return nil, fmt.Errorf("DESCRIBE gives a row of %d cells", len(r))
		}
		names[i] = "`" + strings.ReplaceAll(r[0], "`", "``") + "`"
		// Time attributes are marked behind their types.
		columnType, _, _ := strings.Cut(r[1], " *")
		columns[i], key[i] = names[i]+" "+columnType, int32(i)
	}
	p := probe{session: session, columns: columns, names: names}
	holds, err := p.identifies(ctx, key)
	if err != nil || !holds {
		return nil, err
	}
	// Later columns are more often values than keys.
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

// probe asks the planner about sinks that there are not.
type probe struct {
	session *gateway.Session
	columns []string // as in CREATE TABLE
	names   []string
	tables  int
}

// identifies tells whether a row of the view is known by the columns of a key.
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
		return false, fmt.Errorf("the plan has no %q", physicalPlan)
	}
	return !strings.Contains(plan.text(), "upsertMaterialize"), nil
}
