package control_test

import (
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// TestEachListenerServesItsOwnServices: who reaches the port of agents cannot call
// the public API, and the reverse.
func TestEachListenerServesItsOwnServices(t *testing.T) {
	t.Parallel()
	r := start(t)
	for name, test := range map[string]struct {
		address       string
		public, fleet codes.Code
	}{
		"the public API": {r.address, codes.OK, codes.Unimplemented},
		"agents":         {r.agents, codes.Unimplemented, codes.Unauthenticated},
	} {
		t.Run(name, func(t *testing.T) {
			conn := must(grpc.NewClient(test.address, grpc.WithTransportCredentials(insecure.NewCredentials())))(t)
			defer conn.Close()
			_, err := cmfv1.NewEnvironmentServiceClient(conn).ListEnvironments(t.Context(), &cmfv1.ListEnvironmentsRequest{})
			equal(t, "code of the public API", test.public, status.Code(err))
			stream := must(agentv1.NewFleetServiceClient(conn).Connect(t.Context()))(t)
			// An agent without credentials.
			_ = stream.Send(&agentv1.ConnectRequest{})
			_, err = stream.Recv()
			equal(t, "code of the fleet service", test.fleet, status.Code(err))
			must(healthv1.NewHealthClient(conn).Check(t.Context(), &healthv1.HealthCheckRequest{}))(t)
		})
	}
}
