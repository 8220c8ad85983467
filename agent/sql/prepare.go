package sql

import (
	"context"
	"fmt"
	"time"

	"github.com/openweir/weir/agent/sql/gateway"
)

// acquirePlanner waits until the driver may plan or submit another statement.
func (d *Driver) acquirePlanner(ctx context.Context) (release func(), err error) {
	select {
	case d.planning <- struct{}{}:
		return func() { <-d.planning }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// prepare opens the session of a statement and runs its setup. It may return a
// session together with an error; the caller closes the session.
func (s *statement) prepare(ctx context.Context, client *gateway.Client, w *revision) (*gateway.Session, error) {
	s.driver.mu.Lock()
	epoch := s.driver.epoch
	s.driver.mu.Unlock()
	session, err := client.OpenSession(ctx, s.id.namespace+"/"+s.id.name, sessionOptions(w.spec, s.id.marker(), w.generation, epoch))
	if err != nil {
		return nil, err
	}
	for _, statement := range w.spec.Setup {
		if _, err := run(ctx, session, statement, nil); err != nil {
			return session, err
		}
	}
	return session, nil
}

// outcome is the result of a statement that is not a query.
type outcome struct {
	rows [][]string // as text; empty for null
	job  string
}

// maxOutcome is the maximum number of rows of such a statement.
const maxOutcome = 10_000

// run runs a statement that is not a query until it ends.
func run(ctx context.Context, session *gateway.Session, statement string, options map[string]string) (outcome, error) {
	operation, err := session.Execute(ctx, statement, options)
	if err != nil {
		return outcome{}, err
	}
	var out outcome
	poll := backoff(20*time.Millisecond, time.Second)
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
			return outcome{}, fmt.Errorf("the SQL gateway returned more than %d rows for a statement that is not a query", maxOutcome)
		}
		token = page.Next
		if len(page.Rows) > 0 {
			continue
		}
		if err := sleep(ctx, poll.Step()); err != nil {
			return outcome{}, err
		}
	}
	if err := operation.Close(ctx); err != nil && !gateway.IsFailure(err) {
		return outcome{}, fmt.Errorf("close an operation: %w", err)
	}
	return out, nil
}

// text returns the only cell of the only row.
func (o outcome) text() string {
	if len(o.rows) == 0 || len(o.rows[0]) == 0 {
		return ""
	}
	return o.rows[0][0]
}
