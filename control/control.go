package control

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	"github.com/openweir/weir/control/access"
	"github.com/openweir/weir/control/interceptor"
	"github.com/openweir/weir/control/limit"
	"github.com/openweir/weir/control/store"
)

// Limits of the gRPC server.
const (
	// maxStreams is per connection. A gateway has all its requests and watches on one.
	maxStreams = 1000
	// An agent says all that it has in one message, and has one stream besides the
	// request for a certificate.
	maxAgentMessage = 16 << 20
	maxAgentStreams = 4
	// A caller can send this much of each request, and of all requests of a connection,
	// before anything is read of it, in bytes. gRPC raises it for a message that is read.
	streamWindow     = 64 << 10
	connectionWindow = 1 << 20
	// maxHeaders is the size of the metadata of a request, in bytes. It has room for the
	// 64 KiB of headers that a gateway accepts, and for what it adds.
	maxHeaders = 96 << 10
	// An idle agent's connection should cost little. gRPC holds the buffer for
	// writing only while something is written, so it may be as large as pages want.
	readBuffer  = 8 << 10
	writeBuffer = 64 << 10
	// connectionAge is how long clients use a connection, give or take a tenth.
	// They look for replicas again when they open the next one, so that replicas
	// which were added get their share. Streams stay on the connection that they
	// began on.
	connectionAge = 10 * time.Minute
)

// Control is one replica.
type Control struct {
	config Config
	store  *store.Store
	rooms  *rooms
	server *grpc.Server // of the public API
	agents *grpc.Server // of the fleet service
	health *health.Server
	// authorizer and methods judge every call of the public API, and limiter bounds them.
	authorizer *access.Authorizer
	methods    access.Table
	limiter    *limit.Limiter
	sizes      limit.Sizes
	opened     chan struct{} // closed when the listeners are open
	unary      unaryCalls
	// serving is set while consistent reads are possible.
	serving atomic.Bool
	sealed  atomic.Pointer[sealedState]
}

// New builds a replica. Its error lists everything that is wrong with the
// configuration.
func New(config Config) (*Control, error) {
	if err := config.complete(); err != nil {
		return nil, fmt.Errorf("configuration of the control plane: %w", err)
	}
	methods, err := access.NewTable()
	if err != nil {
		return nil, err
	}
	sizes, err := limit.NewSizes()
	if err != nil {
		return nil, err
	}
	limiter := limit.New(*config.CallerLimits, sizes)
	s, authorizer := store.New(config.Etcd, Prefix, config.Log), access.NewAuthorizer()
	c := &Control{
		config: config, store: s, rooms: newRooms(s, authorizer, config), health: health.NewServer(), opened: make(chan struct{}),
		authorizer: authorizer, methods: methods, limiter: limiter, sizes: sizes,
	}
	if config.MachineTokens {
		c.config.Authenticate = c.rooms.machineTokens.Authenticate(config.Authenticate)
	}
	c.config.Authenticate = limiter.Authenticate(c.config.Authenticate)
	if config.RoleBindings != "" {
		bindings, err := access.ReadFile(config.RoleBindings)
		if err != nil {
			return nil, err
		}
		c.authorizer.SetFile(bindings)
	}
	c.server = grpc.NewServer(append(c.serverOptions(config.TLS, nil), grpc.MaxRecvMsgSize(sizes.Largest()), grpc.MaxConcurrentStreams(maxStreams))...)
	c.Services(c.server)
	healthv1.RegisterHealthServer(c.server, c.health)
	c.agents = grpc.NewServer(append(c.serverOptions(config.AgentTLS, c.trustAgents), grpc.MaxRecvMsgSize(maxAgentMessage), grpc.MaxConcurrentStreams(maxAgentStreams))...)
	c.rooms.fleet.Register(c.agents)
	healthv1.RegisterHealthServer(c.agents, c.health)
	c.health.SetServingStatus("", healthv1.HealthCheckResponse_NOT_SERVING)
	if config.Reflection {
		reflection.Register(c.server)
	}
	if err := errors.Join(c.registerMetrics(otel.GetMeterProvider()), limiter.RegisterMetrics(otel.GetMeterProvider())); err != nil {
		config.Log.Warn("metrics of the replica cannot be registered", "error", err)
	}
	return c, nil
}

// trustAgents makes a listener accept the certificates that agents joined for.
func (c *Control) trustAgents(config *tls.Config) {
	if config.ClientCAs == nil {
		config.ClientCAs = x509.NewCertPool()
	}
	for _, authority := range c.rooms.identities.Authorities.Trusted(c.store.Cached()) {
		config.ClientCAs.AddCert(authority)
	}
	config.ClientAuth = tls.VerifyClientCertIfGiven
}

// serverOptions are those of a listener. complete, if not nil, completes the TLS
// configuration of each handshake.
func (c *Control) serverOptions(files *TLSFiles, complete func(*tls.Config)) []grpc.ServerOption {
	creds := insecure.NewCredentials()
	if files != nil {
		config := files.ServerConfig("h2")
		if complete != nil {
			perHandshake := config.GetConfigForClient
			config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
				config, err := perHandshake(hello)
				if err == nil {
					complete(config)
				}
				return config, err
			}
		}
		creds = credentials.NewTLS(config)
	}
	return []grpc.ServerOption{
		grpc.Creds(creds),
		grpc.ChainUnaryInterceptor(append([]grpc.UnaryServerInterceptor{c.unary.count}, c.UnaryInterceptors()...)...),
		grpc.ChainStreamInterceptor(c.StreamInterceptors()...),
		grpc.StatsHandler(otelgrpc.NewServerHandler()),
		grpc.InTapHandle(interceptor.Tap(c.config.Authenticate)),
		grpc.MaxHeaderListSize(maxHeaders),
		grpc.StaticStreamWindowSize(streamWindow),
		grpc.StaticConnWindowSize(connectionWindow),
		grpc.ReadBufferSize(readBuffer),
		grpc.WriteBufferSize(writeBuffer),
		grpc.ForceServerCodecV2(messageCodec{c.sizes}),
		experimental.BufferPool(messageBuffers),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			Time: 20 * time.Second, Timeout: 10 * time.Second, MaxConnectionAge: connectionAge,
		}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
	}
}

// Services registers the public services with a server of the same process, as
// Run does with the listener's; the interceptors are the caller's to add.
func (c *Control) Services(server grpc.ServiceRegistrar) {
	c.rooms.register(interceptor.Registrar(server, c.interceptors()))
}

// UnaryInterceptors and StreamInterceptors are what every RPC must pass through
// on a server of the same process.
func (c *Control) UnaryInterceptors() []grpc.UnaryServerInterceptor {
	return interceptor.Unary(c.interceptors())
}

// StreamInterceptors are UnaryInterceptors for streams.
func (c *Control) StreamInterceptors() []grpc.StreamServerInterceptor {
	return interceptor.Stream(c.interceptors())
}

func (c *Control) interceptors() interceptor.Config {
	return interceptor.Config{Authenticate: c.config.Authenticate, Limiter: c.limiter, Authorizer: c.authorizer, Table: c.methods, Audit: c.config.Audit, Log: c.config.Log}
}

// Loaded is closed when the state is loaded and requests can be served.
func (c *Control) Loaded() <-chan struct{} { return c.store.Ready() }

// Run serves until the context ends or something fails for good, and returns
// when every part has ended.
func (c *Control) Run(ctx context.Context) error {
	// The store outlives those that use it.
	storeCtx, stopStore := context.WithCancel(context.WithoutCancel(ctx))
	stored := make(chan error, 1)
	go func() { stored <- c.store.Run(storeCtx) }()

	group, inner := errgroup.WithContext(ctx)
	// Watches have no end of their own, and those under way would hold up what
	// waits for requests to finish.
	defer context.AfterFunc(inner, c.rooms.watches.End)()
	group.Go(func() error {
		select {
		case <-c.store.Ready():
		case <-inner.Done():
			return nil
		}
		if err := c.checkKeyset(); err != nil {
			return err
		}
		group.Go(func() error { return c.rooms.bindings.Follow(inner, c.authorizer) })
		group.Go(func() error { return c.rooms.machineTokens.Follow(inner) })
		if file := c.config.RoleBindings; file != "" {
			group.Go(func() error { return access.FollowFile(inner, file, c.authorizer, c.config.Log) })
		}
		listener, err := listen("gRPC", c.config.Listen)
		if err != nil {
			return err
		}
		agents, err := listen("agents", c.config.ListenAgents)
		if err != nil {
			if listener != nil {
				_ = listener.Close()
			}
			return err
		}
		close(c.opened)
		group.Go(func() error { return c.rooms.fleet.Run(inner) })
		group.Go(func() error { return c.rooms.election.Run(inner) })
		group.Go(func() error { return c.followHealth(inner) })
		if listener != nil {
			group.Go(func() error { return c.serve(inner, c.server, listener) })
		}
		if agents != nil {
			group.Go(func() error { return c.serve(inner, c.agents, agents) })
		}
		return nil
	})
	err := group.Wait()
	stopStore()
	return errors.Join(err, <-stored)
}

// listen opens a listener; nil where there is none.
func listen(of string, open func() (net.Listener, error)) (net.Listener, error) {
	if open == nil {
		return nil, nil
	}
	listener, err := open()
	if err != nil {
		return nil, fmt.Errorf("listen for %s: %w", of, err)
	}
	return listener, nil
}
