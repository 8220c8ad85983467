package resource

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/store"
)

// versionHeader carries the version of the resource that a call returns.
const versionHeader = "weir-resource-version"

// anyVersion and noVersion are the preconditions that a resource exists, and that
// it does not.
const (
	anyVersion = "*"
	noVersion  = "0"
)

// CheckVersion is the precondition of a request that changes a resource: its
// resource_version, as specified in rest.proto. revision is that of the record in
// the transaction, which must have read it with a condition, and 0 if there is none.
// The status has a record of its own, so that reports do not change the version.
func CheckVersion(required, what string, revision int64) error {
	if required == "" {
		return nil
	}
	version := formatVersion(revision)
	for candidate := range strings.SplitSeq(required, ",") {
		if candidate = strings.TrimSpace(candidate); candidate == version || candidate == anyVersion && revision != 0 {
			return nil
		}
	}
	switch {
	case revision == 0:
		return apierror.PreconditionFailed("%s does not exist, and the request requires a version of it.", what)
	case required == noVersion:
		return apierror.PreconditionFailed("%s exists already, and the request requires that it does not.", what)
	default:
		return apierror.PreconditionFailed("%s has been changed since it was read: its version is %s, and the request requires %s. Read it again.", what, version, required)
	}
}

// RevisionOf is the revision of a record, 0 if there is none.
func RevisionOf[R proto.Message](o *store.Object[R]) int64 {
	if o == nil {
		return 0
	}
	return o.Revision
}

func formatVersion(revision int64) string { return strconv.FormatInt(revision, 10) }

// Return is Update for a call that returns the resource, whose version it tells the
// client. change returns the revision of a record that it leaves as it is, and 0 if
// it writes the record.
func Return(ctx context.Context, s *store.Store, what string, change func(*store.Tx) (unchanged int64, err error)) error {
	var unchanged int64
	revision, err := update(ctx, s, what, func(tx *store.Tx) (err error) {
		unchanged, err = change(tx)
		return err
	})
	if err != nil {
		return err
	}
	if unchanged != 0 {
		revision = unchanged
	}
	return setVersion(ctx, revision)
}

func setVersion(ctx context.Context, revision int64) error {
	if grpc.ServerTransportStreamFromContext(ctx) == nil {
		return nil // a call within the control plane
	}
	if err := grpc.SetHeader(ctx, metadata.Pairs(versionHeader, formatVersion(revision))); err != nil {
		return fmt.Errorf("return the version of the resource: %w", err)
	}
	return nil
}
