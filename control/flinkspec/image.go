package flinkspec

import (
	"regexp"
	"strings"

	"github.com/openweir/weir/flink"
	"github.com/openweir/weir/openjson"
)

var release = regexp.MustCompile(`[0-9]+\.[0-9]+\.[0-9]+`)

// Image is the image of a cluster, Flink's own of its release where the
// cluster names none.
func Image(cluster openjson.Object) string {
	if image := openjson.String(cluster, "image"); image != "" {
		return image
	}
	return "flink:" + Release(cluster)
}

// Release is the release of Flink in a cluster's image, which the name of
// the jar carries: that of the image's tag, or else the first of flinkVersion.
func Release(cluster openjson.Object) string {
	image := openjson.String(cluster, "image")
	if found := release.FindString(image[strings.LastIndex(image, "/")+1:]); found != "" {
		return found
	}
	return flink.FirstRelease(openjson.String(cluster, "flinkVersion"))
}
