// Package embedded runs an etcd of one member inside the process, for `weir dev`,
// for small installations and for tests.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3rpc"
	"go.uber.org/zap"
	"google.golang.org/grpc"
)

// Config says how to run the etcd.
type Config struct {
	// Dir keeps the data. If it is empty, they are kept in a temporary directory
	// that goes with the server, and nothing waits for the disk.
	Dir string
	// Listen is where clients of other processes connect, without encryption or
	// authentication: host:port, whose port may be 0, or unix:path. If it is
	// empty, there is none but Client, and no port is open.
	Listen string
	// QuotaBytes is how large the database may grow; 8 GiB if 0.
	QuotaBytes int64
	// Log gets etcd's warnings and errors; nobody does if it is nil.
	Log *slog.Logger
}

const (
	defaultQuotaBytes = 8 << 30
	// historyKept is for how long etcd can still tell what changed. Only stores
	// that lost their watch need it, and those can load everything again.
	historyKept = "5m"
	// A member that is alone elects itself when its election timeout passes, and
	// waits for nothing else by these.
	heartbeatMillis, electionMillis = 20, 100
)

const memberName = "embedded"

// nobody is the URL of the member for its peers. There are none, but a member cannot
// be without one.
var nobody = url.URL{Scheme: "http", Host: "127.0.0.1:0"}

// Server is an etcd that runs in this process.
type Server struct {
	etcd      *embed.Etcd
	client    *clientv3.Client
	temporary string // directory to remove

	stopSpace func() // ends the maintenance of the space and waits

	mu     sync.Mutex
	remote []*grpc.Server // serve clients of other processes
	close  sync.Once
}

// Start runs an etcd and returns when it serves.
func Start(ctx context.Context, config Config) (*Server, error) {
	s := &Server{}
	if config.Dir == "" {
		dir, err := os.MkdirTemp("", "weir-etcd-")
		if err != nil {
			return nil, fmt.Errorf("start etcd: %w", err)
		}
		s.temporary, config.Dir = dir, dir
	}
	if err := s.start(ctx, config); err != nil {
		s.Close()
		return nil, fmt.Errorf("start etcd in %s: %w", config.Dir, err)
	}
	return s, nil
}

func (s *Server) start(ctx context.Context, config Config) error {
	settings, err := s.settings(config)
	if err != nil {
		return err
	}
	s.etcd, err = embed.StartEtcd(settings)
	if err != nil {
		return err
	}
	select {
	case <-s.etcd.Server.ReadyNotify():
	case err := <-s.etcd.Err():
		return err
	case <-s.etcd.Server.StopNotify():
		return errors.New("it stopped at once")
	case <-ctx.Done():
		return ctx.Err()
	}
	s.client = v3client.New(s.etcd.Server)
	s.client.Watcher = clientv3.NewWatchFromWatchClient(watchClient{v3rpc.NewWatchServer(s.etcd.Server)}, s.client)
	s.maintainSpace(ctx, settings.QuotaBackendBytes, config.Log)
	return nil
}

// maintainSpace maintains the space until stopSpace is called.
func (s *Server) maintainSpace(ctx context.Context, quota int64, log *slog.Logger) {
	maintained := &space{server: s.etcd.Server, client: s.client, quota: quota, log: slog.New(handler(log))}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { maintained.run(ctx) })
	s.stopSpace = func() {
		cancel()
		running.Wait()
	}
}

func (s *Server) settings(config Config) (*embed.Config, error) {
	settings := embed.NewConfig()
	settings.Name = memberName
	settings.Dir = DataDir(config.Dir)
	settings.UnsafeNoFsync = s.temporary != ""
	settings.TickMs, settings.ElectionMs = heartbeatMillis, electionMillis
	settings.AutoCompactionMode, settings.AutoCompactionRetention = embed.CompactorModePeriodic, historyKept
	settings.QuotaBackendBytes = config.QuotaBytes
	if settings.QuotaBackendBytes == 0 {
		settings.QuotaBackendBytes = defaultQuotaBytes
	}
	settings.ServiceRegister = func(server *grpc.Server) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.remote = append(s.remote, server)
	}
	settings.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.New(core{handler(config.Log)}))

	settings.ListenPeerUrls = nil
	settings.AdvertisePeerUrls = []url.URL{nobody}
	settings.InitialCluster = settings.InitialClusterFromName(settings.Name)
	settings.ListenClientUrls, settings.AdvertiseClientUrls = nil, []url.URL{nobody}
	if config.Listen != "" {
		listen, err := listenURL(config.Listen)
		if err != nil {
			return nil, err
		}
		settings.ListenClientUrls, settings.AdvertiseClientUrls = []url.URL{listen}, []url.URL{listen}
	}
	return settings, nil
}

func listenURL(listen string) (url.URL, error) {
	if path, ok := strings.CutPrefix(listen, "unix:"); ok {
		return url.URL{Scheme: "unix", Path: path}, nil
	}
	if _, _, err := net.SplitHostPort(listen); err != nil {
		return url.URL{}, fmt.Errorf("listen address %q: %w", listen, err)
	}
	return url.URL{Scheme: "http", Host: listen}, nil
}

// Client is a client that calls the server directly, without a socket. Close
// closes it.
func (s *Server) Client() *clientv3.Client { return s.client }

// Endpoints are where clients of other processes connect; none without Listen.
func (s *Server) Endpoints() []string {
	var endpoints []string
	for _, listener := range s.etcd.Clients {
		scheme := "http"
		if listener.Addr().Network() == "unix" {
			scheme = "unix"
		}
		endpoints = append(endpoints, scheme+"://"+listener.Addr().String())
	}
	return endpoints
}

// Close stops the server and removes its directory if that is temporary. Clients
// of other processes are disconnected, whatever they are at.
func (s *Server) Close() {
	s.close.Do(func() {
		if s.stopSpace != nil {
			s.stopSpace()
		}
		if s.client != nil {
			s.client.Close()
		}
		s.disconnect()
		if s.etcd != nil {
			s.etcd.Close()
		}
		if s.temporary != "" {
			_ = os.RemoveAll(s.temporary)
		}
	})
}

// disconnect ends what clients of other processes are at. Otherwise etcd would
// wait for their watches, which do not end by themselves.
func (s *Server) disconnect() {
	s.mu.Lock()
	remote := s.remote
	s.mu.Unlock()
	for _, server := range remote {
		server.Stop()
	}
}

func handler(log *slog.Logger) slog.Handler {
	if log == nil {
		return slog.DiscardHandler
	}
	return log.Handler()
}
