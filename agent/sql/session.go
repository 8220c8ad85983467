package sql

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/openweir/weir/agent/sql/gateway"
)

// pacer waits longer every time.
type pacer struct{ min, max, next time.Duration }

func (p *pacer) wait(ctx context.Context) error {
	p.next = min(max(p.next*2, p.min), p.max)
	timer := time.NewTimer(p.next)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// mayPlan waits for a turn to plan or submit a statement.
func (d *Driver) mayPlan(ctx context.Context) (release func(), err error) {
	select {
	case d.planning <- struct{}{}:
		return func() { <-d.planning }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// prepare opens the session of a statement and runs its setup. There may be a
// session even where there is an error; it is the caller's to close.
func prepare(ctx context.Context, client *gateway.Client, id identity, spec *Spec) (*gateway.Session, error) {
	session, err := client.OpenSession(ctx, id.namespace+"/"+id.name, sessionOptions(spec, id.marker()))
	if err != nil {
		return nil, err
	}
	for _, statement := range spec.Setup {
		if _, err := run(ctx, session, statement, nil); err != nil {
			return session, err
		}
	}
	return session, nil
}

// outcome is what a statement that is no query comes to.
type outcome struct {
	rows [][]string // Flink's text; empty for null
	job  string
}

// maxOutcome bounds the rows of such a statement.
const maxOutcome = 10_000

// run runs a statement that is no query to its end.
func run(ctx context.Context, session *gateway.Session, statement string, options map[string]string) (outcome, error) {
	operation, err := session.Execute(ctx, statement, options)
	if err != nil {
		return outcome{}, err
	}
	var out outcome
	pace := pacer{min: 20 * time.Millisecond, max: time.Second}
	for token := int64(0); ; {
		page, err := operation.Fetch(ctx, token, gateway.PlainText)
		if err != nil {
			return outcome{}, err
		}
		for _, r := range page.Rows {
			cells := make([]string, len(r.Fields))
			for i := range r.Fields {
				cells[i] = gateway.Text(r.Fields[i])
			}
			out.rows = append(out.rows, cells)
		}
		if page.JobID != "" {
			out.job = page.JobID
		}
		if page.Last {
			break
		}
		if len(out.rows) > maxOutcome {
			return outcome{}, errors.New("the SQL gateway gives no end of rows for a statement that is no query")
		}
		token = page.Next
		if len(page.Rows) > 0 {
			continue
		}
		if err := pace.wait(ctx); err != nil {
			return outcome{}, err
		}
	}
	if err := operation.Close(ctx); err != nil && !gateway.IsFailure(err) {
		return outcome{}, fmt.Errorf("close an operation: %w", err)
	}
	return out, nil
}

// text is the only cell of the only row.
func (o outcome) text() string {
	if len(o.rows) == 0 || len(o.rows[0]) == 0 {
		return ""
	}
	return o.rows[0][0]
}
