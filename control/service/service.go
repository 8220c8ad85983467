// Package service implements the public gRPC services, one file a kind of
// resource. A service checks a request against the rules, reads what it
// depends on, and commits one transaction that holds only while what it read
// still stands. It never talks to a workload cluster, except to fetch the rows
// of a query or a page of Flink's web UI: the write is the trigger.
package service

import (
	"context"
	"errors"
	"log/slog"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/kafka"
	"github.com/openweir/weir/control/seal"
	"github.com/openweir/weir/control/state"
	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Version is what the system information tells.
type Version struct {
	// Version is the release, Revision the commit it was built from.
	Version, Revision string
}

// Services is all of the public API.
type Services struct {
	state  *state.State
	keys   *seal.Keys
	rows   Rows
	webUIs WebUIs
	// topics is nil where only DDL makes tables.
	topics  *kafka.Reader
	version Version
	log     *slog.Logger
	// watching is shared by all watches.
	watching *watching
}

// WebUIs reaches the web UIs of Flink clusters.
type WebUIs interface {
	FetchFlinkWebUI(ctx context.Context, cluster string, request *agentv1.TunnelRequest, send func(*cmfv1.FetchFlinkWebUIResponse) error) error
}

// Rows fetches the rows of queries from the clusters that they run on. A
// request waits for an agent for this and for WebUIs, and for nothing else.
type Rows interface {
	FetchResults(ctx context.Context, cluster string, request *agentv1.FetchResults) (*agentv1.ResultPage, error)
}

// noAgents is for services that no agent is connected to.
type noAgents struct{}

func (noAgents) FetchResults(_ context.Context, cluster string, _ *agentv1.FetchResults) (*agentv1.ResultPage, error) {
	return nil, apierror.Unavailable(nil, "Rows cannot be fetched from Kubernetes cluster '%s' here.", cluster)
}

func (noAgents) FetchFlinkWebUI(_ context.Context, cluster string, _ *agentv1.TunnelRequest, _ func(*cmfv1.FetchFlinkWebUIResponse) error) error {
	return apierror.Unavailable(nil, "No web UI on Kubernetes cluster '%s' can be reached here.", cluster)
}

// WithWebUIs makes the services reach web UIs of Flink, which they do not by
// themselves.
func (s *Services) WithWebUIs(webUIs WebUIs) *Services {
	s.webUIs = webUIs
	return s
}

// WithRows makes the services fetch rows of queries, which they do not by
// themselves.
func (s *Services) WithRows(rows Rows) *Services {
	s.rows = rows
	return s
}

// New makes the services over a state. keys seal secrets; without any, secrets
// cannot be created.
func New(s *state.State, keys *seal.Keys, version Version, log *slog.Logger) *Services {
	return &Services{state: s, keys: keys, rows: noAgents{}, webUIs: noAgents{}, version: version, log: log, watching: newWatching()}
}

// Register adds every public service to a gRPC server.
func (s *Services) Register(server grpc.ServiceRegistrar) {
	cmfv1.RegisterEnvironmentServiceServer(server, &environments{Services: s})
	cmfv1.RegisterApplicationServiceServer(server, &applications{Services: s})
	cmfv1.RegisterApplicationInstanceServiceServer(server, &instances{Services: s})
	cmfv1.RegisterApplicationEventServiceServer(server, &events{Services: s})
	cmfv1.RegisterKubernetesClusterServiceServer(server, &clusters{Services: s})
	cmfv1.RegisterInformationServiceServer(server, &information{Services: s})

	cmfv1.RegisterSecretServiceServer(server, &secrets{Services: s})
	cmfv1.RegisterSecretMappingServiceServer(server, &secretMappings{Services: s})
	cmfv1.RegisterKafkaCatalogServiceServer(server, &catalogs{Services: s})
	cmfv1.RegisterKafkaDatabaseServiceServer(server, &databases{Services: s})
	cmfv1.RegisterSavepointServiceServer(server, &savepoints{Services: s})
	cmfv1.RegisterDetachedSavepointServiceServer(server, &detachedSavepoints{Services: s})

	cmfv1.RegisterComputePoolServiceServer(server, &computePools{Services: s})
	cmfv1.RegisterStatementServiceServer(server, &statements{Services: s})
	cmfv1.RegisterFlinkWebUIServiceServer(server, &flinkWebUIs{Services: s})
}

// maxAttempts bounds how often a request starts over because what it read
// changed before it could commit.
const maxAttempts = 10

// errStale makes an attempt start over.
var errStale = errors.New("what was read has changed")

// retry runs an attempt until it commits, or fails for another reason than
// that something it read has changed meanwhile.
func retry[T any](ctx context.Context, what string, attempt func(context.Context) (T, error)) (T, error) {
	var none T
	for range maxAttempts {
		out, err := attempt(ctx)
		if err == nil {
			return out, nil
		}
		if !errors.Is(err, errStale) && !errors.Is(err, store.ErrConflict) {
			return none, err
		}
		if err := ctx.Err(); err != nil {
			return none, err
		}
	}
	return none, apierror.Conflict("%s is being changed by others. Try again.", what)
}

// clone copies a stored message before it is changed: what the store hands out
// is shared.
func clone[T proto.Message](m T) T { return proto.Clone(m).(T) }

// restStatusHeader carries the choice among the status codes of a method.
const restStatusHeader = "weir-http-status"

// answerWith chooses the REST status code of a success, such as "304".
func answerWith(ctx context.Context, code string) error {
	return grpc.SetHeader(ctx, metadata.Pairs(restStatusHeader, code))
}
