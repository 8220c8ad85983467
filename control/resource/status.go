package resource

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// httpStatusHeader carries the choice among the REST status codes of a method.
const httpStatusHeader = "weir-http-status"

// SetHTTPStatus chooses the REST status code of a success, such as "304".
func SetHTTPStatus(ctx context.Context, code string) error {
	if err := grpc.SetHeader(ctx, metadata.Pairs(httpStatusHeader, code)); err != nil {
		return fmt.Errorf("answer with HTTP status %s: %w", code, err)
	}
	return nil
}
