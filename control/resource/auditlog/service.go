// Package auditlog serves the audit log of the replica.
package auditlog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/audit"
	"github.com/openweir/weir/control/resource"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Room serves a log; nil if there is none.
func Room(log *audit.Log, watches *resource.Watches) resource.Room {
	return resource.Room{Register: func(server grpc.ServiceRegistrar) {
		cmfv1.RegisterAuditServiceServer(server, &service{log: log, watches: watches})
	}}
}

type service struct {
	cmfv1.UnimplementedAuditServiceServer
	log     *audit.Log
	watches *resource.Watches
}

const (
	defaultSize, maxSize = 100, 1000
	// maxScan bounds the part of the log that one call looks at, in bytes.
	maxScan = 16 << 20
)

func (s *service) ListAuditRecords(ctx context.Context, req *cmfv1.ListAuditRecordsRequest) (*cmfv1.AuditRecordsPage, error) {
	size := defaultSize
	if req.Size != nil {
		size = int(req.GetSize())
	}
	var v apierror.Violations
	if size < 1 || size > maxSize {
		v.Addf("size: must be between 1 and %d", maxSize)
	}
	wanted := filterOf(&v, req)
	wanted.until = timeOf(&v, "until", req.GetUntil())
	after := cursorOf(&v, "cursor", req.GetCursor())
	if err := v.Invalid(); err != nil {
		return nil, err
	}
	reader, err := s.read("cursor", after)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	page := &cmfv1.AuditRecordsPage{Replica: s.log.Replica()}
	for len(page.GetItems()) < size && reader.BytesRead() < maxScan && ctx.Err() == nil {
		record, found, err := reader.Next()
		if err != nil {
			return nil, failure("cursor", err)
		}
		if !found {
			page.End = true
			break
		}
		if wanted.matches(&record) {
			page.Items = append(page.Items, view(&record))
		}
	}
	if reader.Cursor() != (audit.Cursor{}) {
		page.Cursor = reader.Cursor().String()
	}
	return page, ctx.Err()
}

func (s *service) WatchAuditRecords(req *cmfv1.WatchAuditRecordsRequest, stream grpc.ServerStreamingServer[cmfv1.WatchAuditRecordsResponse]) error {
	var v apierror.Violations
	wanted := filterOf(&v, req)
	after := cursorOf(&v, "resourceVersion", req.GetResourceVersion())
	if err := v.Invalid(); err != nil {
		return err
	}
	reader, err := s.read("resourceVersion", after)
	if err != nil {
		return err
	}
	defer reader.Close()
	w := &watch{service: s, stream: stream, reader: reader, wanted: wanted}
	if after != (audit.Cursor{}) {
		if err := w.send(w.mark(cmfv1.WatchEventType_WATCH_EVENT_TYPE_BOOKMARK)); err != nil {
			return err
		}
	}
	return w.run(after == audit.Cursor{})
}

// watch is a watch of the log under way.
type watch struct {
	*service
	stream grpc.ServerStreamingServer[cmfv1.WatchAuditRecordsResponse]
	reader *audit.Reader
	wanted filter
}

// run sends the records that there are and those that are written from then on. synced
// says whether the client is to learn when the former have been sent.
func (w *watch) run(synced bool) error {
	silence := time.NewTimer(w.watches.Bookmarks)
	defer silence.Stop()
	due := false
	for {
		// Taken first, so that no record is missed.
		grown := w.log.Grown()
		responses, end, err := w.batch()
		if err != nil {
			return err
		}
		switch {
		case end && synced:
			synced = false
			responses = append(responses, w.mark(cmfv1.WatchEventType_WATCH_EVENT_TYPE_SYNCED))
		case len(responses) == 0 && due:
			responses = append(responses, w.mark(cmfv1.WatchEventType_WATCH_EVENT_TYPE_BOOKMARK))
		}
		if len(responses) > 0 {
			if err := w.send(responses...); err != nil {
				return err
			}
			due = false
			silence.Reset(w.watches.Bookmarks)
		}
		if !end {
			grown = closed
		}
		silent, err := w.watches.Wait(w.stream.Context(), grown, silence.C)
		if err != nil {
			return err
		}
		due = due || silent
	}
}

// closed never makes anybody wait.
var closed = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// maxBatch bounds the responses, and maxBatchScan the part of the log in bytes, between
// two looks at whether the watch has to end.
const (
	maxBatch     = 256
	maxBatchScan = 1 << 20
)

// batch returns the next records that match; end is true if there are no more.
func (w *watch) batch() (responses []*cmfv1.WatchAuditRecordsResponse, end bool, err error) {
	for from := w.reader.BytesRead(); len(responses) < maxBatch && w.reader.BytesRead()-from < maxBatchScan; {
		record, found, err := w.reader.Next()
		if err != nil {
			return nil, false, failure("resourceVersion", err)
		}
		if !found {
			return responses, true, nil
		}
		if w.wanted.matches(&record) {
			response := w.mark(cmfv1.WatchEventType_WATCH_EVENT_TYPE_ADDED)
			response.Object = view(&record)
			responses = append(responses, response)
		}
	}
	return responses, false, nil
}

// mark is a response of the place that the watch has reached.
func (w *watch) mark(kind cmfv1.WatchEventType) *cmfv1.WatchAuditRecordsResponse {
	return &cmfv1.WatchAuditRecordsResponse{Type: kind, ResourceVersion: w.reader.Cursor().String()}
}

func (w *watch) send(responses ...*cmfv1.WatchAuditRecordsResponse) error {
	return w.watches.Deliver(w.stream.Context(), func() error {
		for _, response := range responses {
			if err := w.stream.Send(response); err != nil {
				return err
			}
		}
		return nil
	})
}

// read returns a reader of the log, or the error for the caller, which names the field
// with the cursor.
func (s *service) read(field string, after audit.Cursor) (*audit.Reader, error) {
	if s.log == nil {
		return nil, apierror.InUse("This control plane keeps no audit log: start it with --audit.")
	}
	reader, err := s.log.Read(after)
	if errors.Is(err, audit.ErrNoFiles) {
		return nil, apierror.InUse("The replica '%s' writes its audit log to the standard output, where it cannot be read again: start it with --audit and a file.", s.log.Replica())
	}
	if err != nil {
		return nil, failure(field, err)
	}
	return reader, nil
}

// failure is the error for the caller of one of reading.
func failure(field string, err error) error {
	if other, is := errors.AsType[*audit.OtherReplicaError](err); is {
		return apierror.InUse("%s: it is of the audit log of replica '%s', and replica '%s' has received the request. Send the request to '%s'.",
			field, other.Wanted, other.Replica, other.Wanted)
	}
	switch {
	case errors.Is(err, audit.ErrTooOld):
		return apierror.TooOld("%s: the records after it are no longer kept. Start again without it.", field)
	case errors.Is(err, audit.ErrBeyond):
		return apierror.Invalid(field + ": there is no such record yet")
	}
	return fmt.Errorf("audit log: %w", err)
}

func cursorOf(v *apierror.Violations, field, text string) audit.Cursor {
	cursor, err := audit.ParseCursor(text)
	if err != nil {
		v.Addf("%s: %s", field, err)
	}
	return cursor
}

// filter selects records. Empty strings and zero times select all.
type filter struct {
	caller, method, resourceType, environment, name string
	since, until                                    time.Time
}

func filterOf(v *apierror.Violations, req interface {
	GetCaller() string
	GetMethod() string
	GetResourceType() string
	GetResourceEnvironment() string
	GetResourceName() string
	GetSince() string
}) filter {
	return filter{
		caller: req.GetCaller(), method: req.GetMethod(),
		resourceType: req.GetResourceType(), environment: req.GetResourceEnvironment(), name: req.GetResourceName(),
		since: timeOf(v, "since", req.GetSince()),
	}
}

func timeOf(v *apierror.Violations, field, text string) time.Time {
	if text == "" {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		v.Addf("%s: must be a time in RFC 3339, such as 2026-03-01T09:30:00Z", field)
	}
	return at
}

func (f *filter) matches(record *audit.Record) bool {
	var call audit.Call
	var about audit.Resource
	if record.Call != nil {
		call = *record.Call
		if call.Resource != nil {
			about = *call.Resource
		}
	}
	equal := func(wanted, value string) bool { return wanted == "" || wanted == value }
	return equal(f.caller, call.Caller) &&
		(equal(f.method, call.Method) || f.method == call.Method[strings.LastIndexByte(call.Method, '/')+1:]) &&
		equal(f.resourceType, about.Type) && equal(f.environment, about.Environment) && equal(f.name, about.Name) &&
		!record.Time.Before(f.since) && (f.until.IsZero() || record.Time.Before(f.until))
}

// view is a record as callers see it.
func view(record *audit.Record) *cmfv1.AuditRecord {
	out := &cmfv1.AuditRecord{
		Sequence: int64(record.Sequence), Previous: record.Previous, Time: timestamppb.New(record.Time), Replica: record.Replica,
		Phase: string(record.Phase), Accepted: int64(record.Accepted), Message: record.Message,
	}
	if call := record.Call; call != nil {
		out.TraceId, out.Caller, out.Source, out.Method, out.RequestedSpecDigest = call.TraceID, call.Caller, call.Source, call.Method, call.RequestedSpecDigest
		if call.Resource != nil {
			out.Resource = &cmfv1.AuditedResource{Type: call.Resource.Type, Environment: call.Resource.Environment, Name: call.Resource.Name}
		}
		if len(call.Parameters) > 0 {
			if text, err := json.Marshal(call.Parameters); err == nil {
				out.Parameters = &cmfv1.JsonObject{Json: string(text)}
			}
		}
	}
	if result := record.Result; result != nil {
		out.Code, out.DurationSeconds = result.Code, &result.DurationSeconds
		out.ReturnedName, out.ReturnedSpecDigest = result.ReturnedName, result.ReturnedSpecDigest
		if result.PreviousSpecDigest.Known {
			out.PreviousSpecDigest = &result.PreviousSpecDigest.Digest
		}
	}
	return out
}
