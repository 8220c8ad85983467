package localflink

import (
	"strconv"

	"github.com/openweir/weir/flink"
)

// The least memory of processes, in bytes: with less, Flink's default shares
// for metaspace, overhead and its own needs leave no heap, and the process
// refuses to start.
const (
	minJobManager  = 768 << 20
	minTaskManager = 1 << 30
)

// processSize returns the memory of a process as an option of Flink's, at least
// the least.
func processSize(memory string, least int64) (string, error) {
	bytes, err := flink.ParseMemory(memory)
	if err != nil {
		return "", err
	}
	return strconv.FormatInt(max(bytes, least), 10) + "b", nil
}
