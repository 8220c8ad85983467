package access

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openweir/weir/internal/logbuffer"
)

func TestFilesOfRoleBindings(t *testing.T) {
	const alice = "roleBindings:\n- principal: User:alice\n  role: SystemAdmin\n"
	for name, test := range map[string]struct {
		text string
		want string // the error, all of it where it is a single line
	}{
		"one binding":         {alice, ""},
		"JSON":                {`{"roleBindings": [{"principal": "User:alice", "role": "SystemAdmin"}]}`, ""},
		"an alias":            {"roleBindings:\n- &one {principal: User:alice, role: SystemAdmin}\n- *one\n", ""},
		"a null field":        {"roleBindings:\n- {principal: User:alice, role: SystemAdmin, environment: null}\n", ""},
		"none":                {"roleBindings: []\n", ""},
		"an empty file":       {"", "roleBindings: is required"},
		"a null list":         {"roleBindings:\n", "roleBindings: is required"},
		"no list":             {"roleBindings: {}\n", "roleBindings: must be a list (line 1)"},
		"no object":           {"- roleBindings\n", "the file: must be an object (line 1)"},
		"another field":       {"bindings: []\n", "bindings: is not a known field (line 1)"},
		"no YAML":             {"roleBindings:\n- {principal: [\n", "is not YAML: line 2: did not find expected node content"},
		"two documents":       {alice + "---\n" + alice, "must be a single YAML document"},
		"a list twice":        {alice + alice, "roleBindings: is given twice (line 4)"},
		"an unknown field":    {alice + "  scope: all\n", "roleBindings[0].scope: is not a known field (line 4)"},
		"a field twice":       {alice + "  role: ClusterAdmin\n", "roleBindings[0].role: is given twice (line 4)"},
		"a binding of text":   {"roleBindings: [alice]\n", "roleBindings[0]: must be an object (line 1)"},
		"a number for text":   {"roleBindings:\n- {principal: 7, role: SystemAdmin}\n", "roleBindings[0].principal: must be a string (line 2)"},
		"a list for text":     {"roleBindings:\n- {principal: [User:alice], role: SystemAdmin}\n", "roleBindings[0].principal: must be a string (line 2)"},
		"text for resources":  {alice + "  resources: all\n", "roleBindings[0].resources: must be a list (line 4)"},
		"an unknown resource": {alice + "  resources: [{kind: Secret}]\n", "roleBindings[0].resources[0].kind: is not a known field (line 4)"},
		"no principal":        {"roleBindings:\n- role: SystemAdmin\n", "roleBindings[0].principal: must be User:<name> or Group:<name>"},
		"no role":             {"roleBindings:\n- principal: User:alice\n", "roleBindings[0].role: must be one of SystemAdmin, ClusterAdmin, UserAdmin, ResourceOwner, DeveloperManage, DeveloperRead"},
		"everything at once":  {"roleBindings:\n- {role: x}\n- {principal: y}\n", "roleBindings[0].principal: must be "},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "bindings.yaml")
			if err := os.WriteFile(file, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := ReadFile(file)
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want != "" && (err == nil || !strings.HasPrefix(err.Error(), file+": "+test.want)):
				t.Errorf("the error is %v, want %s: %s", err, file, test.want)
			}
		})
	}
	if _, err := ReadFile("absent.yaml"); err == nil || !strings.Contains(err.Error(), "absent.yaml") {
		t.Errorf("of a file that does not exist: %v", err)
	}
}

// TestFilesAreFollowed: a change is in force within the period; what cannot be used
// leaves the bindings as they were, and is logged once.
func TestFilesAreFollowed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bindings.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	binding := func(principal string) string {
		return "roleBindings: [{principal: " + principal + ", role: SystemAdmin}]\n"
	}
	synctest.Test(t, func(t *testing.T) {
		var logged logbuffer.Buffer
		authorizer := NewAuthorizer()
		authorizer.SetStored([]Binding{})
		is := func(name string) bool {
			t.Helper()
			permissions, _, err := authorizer.Permissions(&Principal{Name: name})
			if err != nil {
				t.Fatal(err)
			}
			return permissions.Allows(Delete, FlinkEnvironment, "", "prod")
		}
		write(binding("User:alice"))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		defer func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}()
		go func() { ended <- FollowFile(ctx, file, authorizer, slog.New(slog.NewTextHandler(&logged, nil))) }()
		pass := func() {
			time.Sleep(filePeriod) //nolint:forbidigo // in a bubble of synctest
			synctest.Wait()
		}
		pass()
		if !is("User:alice") || is("User:bob") {
			t.Error("the bindings of the file are not in force")
		}
		_, changed, err := authorizer.Permissions(&Principal{Name: "User:alice"})
		if err != nil {
			t.Fatal(err)
		}
		pass()
		select {
		case <-changed:
			t.Error("a file that has not changed changes the bindings")
		default:
		}
		write(binding("User:bob"))
		pass()
		if is("User:alice") || !is("User:bob") {
			t.Error("a changed file is not in force")
		}
		for name, make := range map[string]func(){
			"an invalid file":  func() { write("roleBindings: [{principal: bob}]\n") },
			"an empty file":    func() { write("") },
			"a file that went": func() { _ = os.Remove(file) },
		} {
			before := strings.Count(logged.String(), "level=ERROR")
			make()
			pass()
			pass()
			if !is("User:bob") {
				t.Errorf("%s ends the bindings", name)
			}
			if n := strings.Count(logged.String(), "level=ERROR") - before; n != 1 {
				t.Errorf("%s is logged %d times:\n%s", name, n, logged.String())
			}
		}
		write(binding("User:carol"))
		pass()
		if is("User:bob") || !is("User:carol") {
			t.Error("a file that is valid again is not in force")
		}
	})
}
