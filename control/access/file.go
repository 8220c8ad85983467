package access

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// filePeriod is how often the file is looked at.
const filePeriod = 2 * time.Second

// ReadFile reads the role bindings of a YAML file:
//
//	roleBindings:
//	  - principal: User:alice
//	    role: SystemAdmin
//
// The fields are those of RoleBindingSpec. Unknown fields are errors.
func ReadFile(path string) ([]Binding, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read role bindings: %w", err)
	}
	bindings, err := parseFile(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return bindings, nil
}

func parseFile(text []byte) ([]Binding, error) {
	var document yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&document); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("is not YAML: %s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := decoder.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return nil, errors.New("must be a single YAML document")
	}
	file := &bindingFile{}
	file.read(&document)
	if err := file.violations.Invalid(); err != nil {
		return nil, err
	}
	// An editor or a copy may empty the file before it writes it.
	if !file.given {
		return nil, errors.New("roleBindings: is required")
	}
	var bindings []Binding
	for i, spec := range file.specs {
		bindings = append(bindings, ParseBinding(&file.violations, fmt.Sprintf("roleBindings[%d]", i), spec))
	}
	return bindings, file.violations.Invalid()
}

// FollowFile reads the file again when it changes, until the context ends. If it
// cannot be read, the bindings stay as they were.
func FollowFile(ctx context.Context, path string, authorizer *Authorizer, log *slog.Logger) error {
	ticker := time.NewTicker(filePeriod)
	defer ticker.Stop()
	var last []byte
	var logged string
	for {
		text, err := os.ReadFile(path)
		if err != nil && err.Error() != logged {
			log.ErrorContext(ctx, "the file of role bindings cannot be read; its last bindings remain", "error", err)
			logged = err.Error()
		}
		if err == nil && (last == nil || !bytes.Equal(text, last)) {
			last, logged = text, ""
			if bindings, err := parseFile(text); err != nil {
				log.ErrorContext(ctx, "the file of role bindings is invalid; its last bindings remain", "file", path, "error", err)
			} else {
				authorizer.SetFile(bindings)
				log.InfoContext(ctx, "role bindings of the file are in force", "file", path, "count", len(bindings))
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}
