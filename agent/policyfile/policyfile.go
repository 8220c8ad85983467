// Package policyfile reads the policies of an agent from a file.
package policyfile

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openweir/weir/flink/policy"
)

// period is how often the file is looked at.
const period = 2 * time.Second

// File is a file of policies. It is read again when it changes; one that cannot be read
// then, or is invalid, leaves the policies as they were.
type File struct {
	path string
	log  *slog.Logger

	mu       sync.Mutex
	text     []byte
	failure  string
	policies atomic.Pointer[[]*policy.Policy]
}

// Open reads the policies in a file for the first time.
func Open(path string, log *slog.Logger) (*File, error) {
	f := &File{path: path, log: log}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read policies: %w", err)
	}
	policies, err := policy.ParseFile(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f.text = text
	f.policies.Store(&policies)
	return f, nil
}

// Reload reads the file again, and reports whether other policies are in force then.
func (f *File) Reload() (changed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	text, err := os.ReadFile(f.path)
	if err == nil && bytes.Equal(text, f.text) {
		f.failure = ""
		return false
	}
	var policies []*policy.Policy
	if err == nil {
		policies, err = policy.ParseFile(text)
	}
	if err != nil {
		if err.Error() != f.failure {
			f.log.Error("the file of policies is invalid; its last policies remain", "file", f.path, "error", err)
			f.failure = err.Error()
		}
		return false
	}
	f.text, f.failure = text, ""
	f.policies.Store(&policies)
	f.log.Info("policies of the file are in force", "file", f.path, "count", len(policies))
	return true
}

// Follow reads the file again when it changes, until the context ends, and calls changed
// if other policies are in force then.
func (f *File) Follow(ctx context.Context, changed func()) {
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if f.Reload() {
				changed()
			}
		case <-ctx.Done():
			return
		}
	}
}

// Check returns what the policies forbid in an object that the agent is to apply; empty
// if nothing. live is the object before; nil if there is none.
func (f *File) Check(ctx context.Context, object, live map[string]any) string {
	policies := *f.policies.Load()
	if len(policies) == 0 {
		return ""
	}
	on := policy.Object{
		Content: policy.Prepare(object),
		Old: func() (map[string]any, error) {
			if live == nil {
				return nil, nil
			}
			return policy.Prepare(live), nil
		},
	}
	var violations []string
	for _, p := range policies {
		for _, message := range p.Evaluate(ctx, on) {
			violations = append(violations, fmt.Sprintf("policy '%s': %s", p.Name(), message))
		}
	}
	return strings.Join(violations, "; ")
}
