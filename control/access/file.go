package access

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"sigs.k8s.io/yaml"

	"github.com/openweir/weir/control/apierror"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
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
		return nil, fmt.Errorf("role bindings in %s: %w", path, err)
	}
	return bindings, nil
}

func parseFile(text []byte) ([]Binding, error) {
	var file struct {
		RoleBindings []yamlObject `json:"roleBindings"`
	}
	if err := yaml.UnmarshalStrict(text, &file); err != nil {
		return nil, err //nolint:wrapcheck // the caller names the file
	}
	// An editor or a copy may empty the file before it writes it.
	if file.RoleBindings == nil {
		return nil, errors.New("roleBindings: is required")
	}
	var violations apierror.Violations
	var bindings []Binding
	for i, object := range file.RoleBindings {
		spec := &cmfv1.RoleBindingSpec{}
		path := fmt.Sprintf("roleBindings[%d]", i)
		if err := protojson.Unmarshal(object, spec); err != nil {
			violations.Addf("%s: %v", path, err)
			continue
		}
		bindings = append(bindings, ParseBinding(&violations, path, spec))
	}
	return bindings, violations.Invalid()
}

// yamlObject is JSON that is decoded later.
type yamlObject []byte

// UnmarshalJSON keeps the text.
func (o *yamlObject) UnmarshalJSON(text []byte) error {
	*o = bytes.Clone(text)
	return nil
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
