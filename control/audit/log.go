package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
)

// Defaults of Config, and the least that makes sense.
const (
	DefaultMaxBytes = 100 << 20
	DefaultMaxFiles = 10
	minBytes        = 64 << 10
	minFiles        = 2
)

// Config configures a Log.
type Config struct {
	// Path is the file to append to. One of Path and Output is required.
	Path string
	// Output receives the records instead of a file, such as the standard output.
	Output io.Writer
	// MaxBytes is the size from which a file is replaced by a new one, and MaxFiles how
	// many are kept. 0 means the defaults.
	MaxBytes int64
	MaxFiles int
	// Required is set if changes that cannot be recorded must not be carried out.
	Required bool
	// Replica is named in every record. Required.
	Replica string
	// Log receives the failures. Required.
	Log *slog.Logger
}

func (c *Config) complete() error {
	var wrong []error
	if (c.Path == "") == (c.Output == nil) {
		wrong = append(wrong, errors.New("either a path or an output is required"))
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = DefaultMaxBytes
	}
	if c.MaxBytes < minBytes {
		wrong = append(wrong, fmt.Errorf("maximum size of a file: must be at least %d bytes, got %d", minBytes, c.MaxBytes))
	}
	if c.MaxFiles == 0 {
		c.MaxFiles = DefaultMaxFiles
	}
	if c.MaxFiles < minFiles {
		wrong = append(wrong, fmt.Errorf("number of files: must be at least %d, got %d", minFiles, c.MaxFiles))
	}
	return errors.Join(wrong...)
}

// sink is where lines go.
type sink interface {
	// open makes the sink ready, and returns the last line that it has; nil if it is
	// empty or cannot tell. dropped is the size of an incomplete line that was removed.
	open() (last []byte, dropped int64, err error)
	// write appends the line of a record, with its end. After an error, open has to be
	// called.
	write(line []byte, sequence uint64) error
	// sync makes what was written durable.
	sync() error
	io.Closer
}

// Log writes records. Its methods may be called concurrently.
type Log struct {
	config   Config
	failures atomic.Int64 // records that could not be written

	mu       sync.Mutex
	sink     sink
	ready    bool // the sink is open
	sequence uint64
	previous string
	lost     int           // records that could not be written since the last one that could
	grown    chan struct{} // closed when a record is written
}

// Open opens a log, and records that.
func Open(config Config) (*Log, error) {
	if err := config.complete(); err != nil {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	l := &Log{config: config, sink: &writer{to: config.Output}, grown: make(chan struct{})}
	if config.Path != "" {
		l.sink = &file{path: config.Path, maxBytes: config.MaxBytes, maxFiles: config.MaxFiles, log: config.Log}
	}
	_, err := otel.Meter("github.com/openweir/weir/control/audit").Int64ObservableCounter("weir.audit.failures",
		metric.WithDescription("Records of the audit log that could not be written."),
		metric.WithInt64Callback(func(_ context.Context, observer metric.Int64Observer) error {
			observer.Observe(l.failures.Load())
			return nil
		}))
	if err != nil {
		config.Log.Warn("metrics of the audit log cannot be registered", "error", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("audit log: %w", err), l.sink.Close())
	}
	return l, nil
}

// Close closes the log.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ready = false
	return l.sink.Close()
}

// open opens the sink, continues its chain, and writes the record that says so.
func (l *Log) open() error {
	last, dropped, err := l.sink.open()
	if err != nil {
		return err
	}
	if last != nil {
		var record Record
		if err := json.Unmarshal(last, &record); err != nil || record.Sequence == 0 {
			return errors.New("the last line is no record of an audit log; move the file away, or use another path")
		}
		l.sequence, l.previous = record.Sequence, hash(last)
	}
	var notes []string
	if dropped > 0 {
		notes = append(notes, fmt.Sprintf("An incomplete record of %d bytes was removed.", dropped))
		l.config.Log.Warn("the audit log ended with an incomplete record, which was removed", "bytes", dropped)
	}
	if l.lost > 0 {
		notes = append(notes, fmt.Sprintf("Records that could not be written: %d.", l.lost))
	}
	if err := l.write(&Record{Phase: Opened, Message: strings.Join(notes, " ")}); err != nil {
		return err
	}
	l.ready, l.lost = true, 0
	return nil
}

// append writes a record, and opens the sink again if it failed before.
func (l *Log) append(record *Record, durable bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var err error
	if !l.ready {
		err = l.open()
	}
	if err == nil {
		err = l.write(record)
	}
	if err == nil && durable {
		err = l.sink.sync()
	}
	if err != nil {
		l.ready = false
		l.lost++
	}
	return err
}

func (l *Log) write(record *Record) error {
	record.Sequence, record.Previous = l.sequence+1, l.previous
	record.Time, record.Replica = time.Now().UTC(), l.config.Replica
	line, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("encode a record: %w", err)
	}
	sum := hash(line)
	if err := l.sink.write(append(line, '\n'), record.Sequence); err != nil {
		return err
	}
	l.sequence, l.previous = record.Sequence, sum
	close(l.grown)
	l.grown = make(chan struct{})
	return nil
}

// Change is a change that was accepted and has not ended.
type Change struct {
	log      *Log
	call     Call
	begun    time.Time
	accepted uint64
	before   *atomic.Pointer[PreviousDigest]
}

// Begin records that a change was accepted. After an error it must not be carried out.
// The context that it returns is the one to carry it out with, see NoteBefore.
func (l *Log) Begin(ctx context.Context, call Call) (context.Context, *Change, error) {
	call.bound()
	c := &Change{log: l, call: call, begun: time.Now()}
	record := Record{Phase: Accepted, Call: &c.call}
	err := l.append(&record, l.config.Required)
	if err != nil {
		l.failed(ctx, &record, err)
		if l.config.Required {
			return ctx, nil, fmt.Errorf("audit log: %w", err)
		}
	} else {
		c.accepted = record.Sequence
	}
	ctx, c.before = withBefore(ctx)
	return ctx, c, nil
}

// End records how the change ended.
func (c *Change) End(ctx context.Context, result Result, message string) {
	result.DurationSeconds = time.Since(c.begun).Seconds()
	result.ReturnedName = bound(result.ReturnedName, maxText)
	if before := c.before.Load(); before != nil && !c.call.Secret {
		result.PreviousSpecDigest = *before
	}
	call := c.call
	call.Parameters, call.RequestedSpecDigest = nil, "" // which the acceptance has
	record := Record{Phase: Outcome, Accepted: c.accepted, Call: &call, Result: &result, Message: bound(message, maxText)}
	if err := c.log.append(&record, false); err != nil {
		c.log.failed(ctx, &record, err)
	}
}

func (l *Log) failed(ctx context.Context, record *Record, err error) {
	l.failures.Add(1)
	l.config.Log.ErrorContext(ctx, "the audit log could not be written", "error", err, "phase", record.Phase,
		"method", record.Method, "caller", record.Caller, "trace_id", record.TraceID)
}
