// Package audit records every change that callers of the API request: who, what, from
// where, and how it ended. Records are lines of JSON, each with the hash of the line
// before it, so that a record cannot be changed or removed without notice.
package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
	"unicode/utf8"
)

// Phase is what a record is about.
type Phase string

// The phases. Each change has a record of Accepted, and of Outcome when it has ended.
const (
	// Opened says that the log was opened, at a start or after a failure.
	Opened   Phase = "opened"
	Accepted Phase = "accepted"
	Outcome  Phase = "outcome"
)

// Record is one line. Its size is bounded, see bound.
type Record struct {
	// Sequence counts the records, from 1.
	Sequence uint64 `json:"sequence"`
	// Previous is the hash of the line before, without its end; empty in the first one.
	Previous string    `json:"previous"`
	Time     time.Time `json:"time"`
	Replica  string    `json:"replica"`
	Phase    Phase     `json:"phase"`
	// Accepted is the sequence of the record of the acceptance, in that of the outcome;
	// 0 if that could not be written.
	Accepted uint64 `json:"accepted,omitempty"`
	*Call
	*Result
	// Message is an error message, or what the opening of the log noted.
	Message string `json:"message,omitempty"`
}

// Call is what is known of a change before it is carried out.
type Call struct {
	TraceID  string    `json:"traceId"`
	Caller   string    `json:"caller"`
	Source   string    `json:"source"`
	Method   string    `json:"method"`
	Resource *Resource `json:"resource"`
	// Parameters are the fields of the request that are not the resource.
	Parameters map[string]any `json:"parameters,omitempty"`
	// RequestedSpecDigest is the digest of the specification in the request.
	RequestedSpecDigest string `json:"requestedSpecDigest,omitempty"`
	// Secret is set if the specification must have no digest, which it could be guessed
	// from.
	Secret bool `json:"-"`
}

// Resource is what a change is about, as permissions name it.
type Resource struct {
	Type        string `json:"type"`
	Environment string `json:"environment,omitempty"`
	Name        string `json:"name,omitempty"`
}

// Result is how a change ended.
type Result struct {
	// Code is that of gRPC, such as OK and PermissionDenied.
	Code            string  `json:"code"`
	DurationSeconds float64 `json:"durationSeconds"`
	// ReturnedName and ReturnedSpecDigest are those of the resource in the response.
	ReturnedName       string `json:"returnedName,omitempty"`
	ReturnedSpecDigest string `json:"returnedSpecDigest,omitempty"`
	// PreviousSpecDigest is that of the resource before the change.
	PreviousSpecDigest PreviousDigest `json:"previousSpecDigest,omitzero"`
}

// Limits of strings in a record, in bytes. They are larger than those of valid
// requests.
const (
	maxText      = 1024
	maxParameter = 256
)

// bound cuts a text.
func bound(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit] + "…"
}

func (c *Call) bound() {
	c.TraceID, c.Caller, c.Source = bound(c.TraceID, maxParameter), bound(c.Caller, maxText), bound(c.Source, maxParameter)
	c.Resource.Environment, c.Resource.Name = bound(c.Resource.Environment, maxText), bound(c.Resource.Name, maxText)
}

func hash(line []byte) string {
	sum := sha256.Sum256(line)
	return hex.EncodeToString(sum[:])
}
