package resource

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// httpStatusHeader carries the choice among the REST status codes of a method.
const httpStatusHeader = "weir-http-status"

// warningHeader carries what a client should know of a success, in REST as a
// Warning header.
const warningHeader = "weir-warning"

// Warn tells the client something about a success.
func Warn(ctx context.Context, text string) error {
	if err := grpc.SetHeader(ctx, metadata.Pairs(warningHeader, text)); err != nil {
		return fmt.Errorf("warn the client: %w", err)
	}
	return nil
}

// SetHTTPStatus chooses the REST status code of a success, such as "304".
func SetHTTPStatus(ctx context.Context, code string) error {
	if err := grpc.SetHeader(ctx, metadata.Pairs(httpStatusHeader, code)); err != nil {
		return fmt.Errorf("answer with HTTP status %s: %w", code, err)
	}
	return nil
}
