package localflink

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
)

// The least memory of processes, in bytes: with less, Flink's default shares
// for metaspace, overhead and its own needs leave no heap, and the process
// refuses to start.
const (
	minJobManager  = 768 << 20
	minTaskManager = 1 << 30
)

// amount is Flink's own way to write amounts of memory. In it m is 2^20, as
// the operator reads it; as a quantity of Kubernetes' it would be a thousandth.
var amount = regexp.MustCompile(`(?i)^(\d+)\s*(b|bytes|k|kb|kibibytes|m|mb|mebibytes|g|gb|gibibytes|t|tb|tebibytes)?$`)

// processSize returns the memory of a process as an option of Flink's, at least
// the least.
func processSize(memory string, least int64) (string, error) {
	bytes, err := parseMemory(strings.TrimSpace(memory))
	if err != nil {
		return "", err
	}
	return strconv.FormatInt(max(bytes, least), 10) + "b", nil
}

func parseMemory(memory string) (int64, error) {
	found := amount.FindStringSubmatch(memory)
	if found == nil {
		quantity, err := resource.ParseQuantity(memory)
		if err != nil {
			return 0, fmt.Errorf("%q is not a valid amount of memory: %w", memory, err)
		}
		return quantity.Value(), nil
	}
	number, err := strconv.ParseInt(found[1], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a valid amount of memory: %w", memory, err)
	}
	shift := map[byte]uint{'k': 10, 'm': 20, 'g': 30, 't': 40}[(strings.ToLower(found[2]) + "b")[0]]
	if number > 1<<62>>shift {
		return 0, fmt.Errorf("%q exceeds the largest amount of memory", memory)
	}
	return number << shift, nil
}
