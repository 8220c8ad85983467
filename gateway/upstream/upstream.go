// Package upstream connects a gateway to the replicas of the control plane.
package upstream

import (
	"errors"
	"fmt"
	"math"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	_ "google.golang.org/grpc/health" // named in serviceConfig
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
)

// A replica that does not answer at all, such as a process that is stopped, is
// noticed in three ways:
//   - Its requests stay under way, so that other replicas get the next ones.
//   - A read is sent to another one after hedgingDelay. See retryReads. If nothing
//     was heard of the replica meanwhile, others are preferred from then on.
//   - Its connection ends after keepaliveTime and keepaliveTimeout. What was under
//     way fails then: whether a write was carried out is not known.
//
// A replica that says that it cannot serve gets no requests.
const (
	serviceConfig = `{
		"loadBalancingConfig": [{"` + balancingPolicy + `": {}}],
		"healthCheckConfig": {"serviceName": ""}
	}`
	// 10 s is the least that gRPC permits.
	keepaliveTime    = 10 * time.Second
	keepaliveTimeout = 3 * time.Second
	// hedgingDelay is much longer than a read takes, since one that takes longer is
	// carried out twice.
	hedgingDelay = 2 * time.Second
)

// Dial gives a connection that balances requests over replicas. Several addresses
// are one replica each; a single one is a target of gRPC, such as
// dns:///name:port for all addresses that the name has.
func Dial(addresses []string, transport credentials.TransportCredentials) (*grpc.ClientConn, error) {
	return dial(addresses, transport, hedgingDelay)
}

func dial(addresses []string, transport credentials.TransportCredentials, hedgingDelay time.Duration) (*grpc.ClientConn, error) {
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithDefaultServiceConfig(serviceConfig),
		grpc.WithDisableServiceConfig(), // none from DNS
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: keepaliveTime, Timeout: keepaliveTimeout, PermitWithoutStream: true}),
		grpc.WithUnaryInterceptor(retryReads(reads(), hedgingDelay)),
		grpc.WithStatsHandler(otelgrpc.NewClientHandler()),
		// The control plane bounds the size of its responses.
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32)),
	}
	switch len(addresses) {
	case 0:
		return nil, errors.New("no address of the control plane is given")
	case 1:
		return newClient(addresses[0], options)
	}
	var state resolver.State
	for _, address := range addresses {
		state.Endpoints = append(state.Endpoints, resolver.Endpoint{Addresses: []resolver.Address{{Addr: address, ServerName: address}}})
	}
	replicas := manual.NewBuilderWithScheme("replicas")
	replicas.InitialState(state)
	return newClient(replicas.Scheme()+":///control", append(options, grpc.WithResolvers(replicas)))
}

func newClient(target string, options []grpc.DialOption) (*grpc.ClientConn, error) {
	conn, err := grpc.NewClient(target, options...)
	if err != nil {
		return nil, fmt.Errorf("connect to the control plane at %s: %w", target, err)
	}
	return conn, nil
}
