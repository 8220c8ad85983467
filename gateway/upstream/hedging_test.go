package upstream

import (
	"context"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/internal/await"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// The race detector checks that the second attempt does not use the reply that the
// first one fills in.
func TestTheFirstAnswerArrivesAfterAReadIsHedged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reply := &cmfv1.Environment{}
		r := read{
			call: func(ctx context.Context, message any, _ []grpc.CallOption) error {
				if message != any(reply) {
					<-ctx.Done()
					return ctx.Err()
				}
				await.Elapse(2 * hedgingDelay)
				proto.Reset(reply)
				reply.Name = "first"
				return nil
			},
			reply: reply, attempts: attempts{},
		}
		if err := r.hedge(t.Context(), hedgingDelay); err != nil || reply.GetName() != "first" {
			t.Errorf("got %v, %v; want the first answer", reply, err)
		}
	})
}
