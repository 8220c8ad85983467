package gateway

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// versionField is the field of a request with its precondition, as specified in
// rest.proto.
const versionField protoreflect.Name = "resource_version"

// versionHeader is the gRPC response header with the version of a resource.
const versionHeader = "weir-resource-version"

// The preconditions that a resource exists, and that it does not.
const (
	anyVersion = "*"
	noVersion  = "0"
)

// precondition is the value of versionField for a request that changes something.
// Its error is for the client.
func precondition(h http.Header) (version string, err error) {
	ifMatch, ifNoneMatch := strings.TrimSpace(joined(h["If-Match"])), strings.TrimSpace(joined(h["If-None-Match"]))
	switch {
	case ifMatch != "" && ifNoneMatch != "":
		return "", errors.New("If-Match, If-None-Match: must not be given together")
	case ifNoneMatch == "*":
		return noVersion, nil
	case ifNoneMatch != "":
		return "", errors.New("If-None-Match: must be * in a request that changes a resource")
	}
	var versions []string
	for tag := range strings.SplitSeq(ifMatch, ",") {
		if tag = strings.TrimSpace(tag); tag != "" {
			versions = append(versions, versionOf(tag))
		}
	}
	return strings.Join(versions, ","), nil
}

// versionOf is the version in an entity tag. The comparison of If-Match is strong,
// so that a weak tag, like every tag without a version, stands for itself: no
// resource has it for its version.
func versionOf(tag string) string {
	if tag == anyVersion {
		return tag
	}
	version, _, ok := strings.Cut(strings.TrimPrefix(tag, `"`), ".")
	if revision, err := strconv.ParseInt(version, 10, 64); !ok || tag[0] != '"' || err != nil || revision <= 0 {
		return tag
	}
	return version
}

// returnedVersion is the version of the resource in a response, empty if there is
// none.
func returnedVersion(ctx context.Context) string {
	md, _ := runtime.ServerMetadataFromContext(ctx)
	if version := md.HeaderMD.Get(versionHeader); len(version) > 0 {
		return version[0]
	}
	return ""
}
