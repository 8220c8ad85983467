package localflink

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// RetainedCheckpoint returns the URI of the newest complete checkpoint of a job
// in a folder of checkpoints; empty if there is none. Only folders of this
// machine are looked into.
func RetainedCheckpoint(folder, job string) (string, error) {
	root, local := strings.CutPrefix(folder, "file://")
	if !local && strings.Contains(folder, "://") {
		return "", nil
	}
	entries, err := os.ReadDir(filepath.Join(root, job))
	if os.IsNotExist(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("look for checkpoints of job %s: %w", job, err)
	}
	newest, path := -1, ""
	for _, entry := range entries {
		text, ok := strings.CutPrefix(entry.Name(), "chk-")
		number, err := strconv.Atoi(text)
		if !ok || err != nil || number <= newest {
			continue
		}
		at := filepath.Join(root, job, entry.Name())
		// It is written last.
		if _, err := os.Stat(filepath.Join(at, "_metadata")); err == nil {
			newest, path = number, "file://"+at
		}
	}
	return path, nil
}
