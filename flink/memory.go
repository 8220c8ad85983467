package flink

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// memoryUnits are those of Flink and of Kubernetes, all of which count in powers
// of 1024 to the operator; "m" is a mebibyte, not a thousandth.
var memoryUnits = map[string]int64{
	"": 1, "b": 1, "bytes": 1,
	"k": 1 << 10, "kb": 1 << 10, "ki": 1 << 10, "kib": 1 << 10, "kibibytes": 1 << 10,
	"m": 1 << 20, "mb": 1 << 20, "mi": 1 << 20, "mib": 1 << 20, "mebibytes": 1 << 20,
	"g": 1 << 30, "gb": 1 << 30, "gi": 1 << 30, "gib": 1 << 30, "gibibytes": 1 << 30,
	"t": 1 << 40, "tb": 1 << 40, "ti": 1 << 40, "tib": 1 << 40, "tebibytes": 1 << 40,
}

var memorySize = regexp.MustCompile(`^([0-9]+)(?:e([0-9]{1,2})|\s*([a-z]*))$`)

// ParseMemory reads a memory size as the operator does, in bytes. The operator
// reads no fractions.
func ParseMemory(text string) (int64, error) {
	invalid := fmt.Errorf("%q is not a memory size such as 1024m or 2g", text)
	parts := memorySize.FindStringSubmatch(strings.ToLower(strings.TrimSpace(text)))
	if parts == nil {
		return 0, invalid
	}
	unit, known := memoryUnits[parts[3]]
	n, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil || !known {
		return 0, invalid
	}
	exponent, _ := strconv.Atoi(parts[2])
	if size := float64(n) * float64(unit) * math.Pow10(exponent); size >= math.MaxInt64 {
		return 0, invalid
	}
	return n * unit * int64(math.Pow10(exponent)), nil
}
