package flink

import "strings"

// FirstRelease returns the first release of a version as the operator writes it:
// 1.20.0 of v1_20.
func FirstRelease(version string) string {
	return strings.ReplaceAll(strings.TrimPrefix(version, "v"), "_", ".") + ".0"
}
