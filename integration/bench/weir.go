package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/integration/process"
)

// restRival is Weir's REST API: gateway, control plane and etcd, each a
// process of its own.
type restRival struct {
	weir    string // which Weir, such as nowWeir
	control *process.Process
	base    string
	client  *http.Client
}

// newRESTRival presents a bearer token, if there is one.
func newRESTRival(weir string, control *process.Process, base string, token bearer, callers int) *restRival {
	transport := &http.Transport{MaxIdleConns: callers, MaxIdleConnsPerHost: callers, DisableCompression: true}
	return &restRival{weir: weir, control: control, base: base, client: &http.Client{Transport: token.over(transport)}}
}

func (r *restRival) server() *process.Process { return r.control }

func (r *restRival) name() string { return r.weir + " REST" }

func (r *restRival) prepare(ctx context.Context, scope string) error {
	body := fmt.Sprintf(`{"name":"rest-%s","kubernetesNamespace":%q,"kubernetesClusterName":%q}`, scope, namespace, cluster)
	_, err := call(ctx, r.client, http.MethodPost, r.base+"/cmf/api/v1/environments", body, http.StatusOK)
	return err
}

func (r *restRival) create(ctx context.Context, scope, name string) error {
	return r.update(ctx, scope, name, 1)
}

func (r *restRival) update(ctx context.Context, scope, name string, parallelism int) error {
	_, err := call(ctx, r.client, http.MethodPost, r.url(scope), application("rest-"+name, parallelism), http.StatusCreated)
	return err
}

func (r *restRival) get(ctx context.Context, scope, name string) error {
	_, err := call(ctx, r.client, http.MethodGet, r.url(scope)+"/rest-"+name, "", http.StatusOK)
	return err
}

func (r *restRival) list(ctx context.Context, scope string) (int, error) {
	answer, err := call(ctx, r.client, http.MethodGet, fmt.Sprintf("%s?size=%d", r.url(scope), listed), "", http.StatusOK)
	return bytes.Count(answer, []byte(`"kind":"FlinkApplication"`)), err
}

func (r *restRival) close() { r.client.CloseIdleConnections() }

func (r *restRival) url(scope string) string {
	return r.base + "/cmf/api/v1/environments/rest-" + scope + "/applications"
}

// grpcRival is Weir's gRPC API: control plane and etcd.
type grpcRival struct {
	weir         string // which Weir, such as nowWeir
	control      *process.Process
	conn         *grpc.ClientConn
	environments cmfv1.EnvironmentServiceClient
	applications cmfv1.ApplicationServiceClient
}

func newGRPCRival(weir string, control *process.Process, address string, token bearer) (*grpcRival, error) {
	options := []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}
	if token != "" {
		options = append(options, grpc.WithPerRPCCredentials(token))
	}
	conn, err := grpc.NewClient(address, options...)
	if err != nil {
		return nil, fmt.Errorf("connect to the control plane: %w", err)
	}
	return &grpcRival{
		weir:         weir,
		control:      control,
		conn:         conn,
		environments: cmfv1.NewEnvironmentServiceClient(conn),
		applications: cmfv1.NewApplicationServiceClient(conn),
	}, nil
}

func (g *grpcRival) server() *process.Process { return g.control }

func (g *grpcRival) name() string { return g.weir + " gRPC" }

func (g *grpcRival) prepare(ctx context.Context, scope string) error {
	_, err := g.environments.CreateOrUpdateEnvironment(ctx, &cmfv1.CreateOrUpdateEnvironmentRequest{
		Environment: &cmfv1.Environment{Name: "grpc-" + scope, KubernetesNamespace: namespace, KubernetesClusterName: cluster},
	})
	return err
}

func (g *grpcRival) create(ctx context.Context, scope, name string) error {
	return g.update(ctx, scope, name, 1)
}

func (g *grpcRival) update(ctx context.Context, scope, name string, parallelism int) error {
	_, err := g.applications.CreateOrUpdateApplication(ctx, &cmfv1.CreateOrUpdateApplicationRequest{
		EnvName: "grpc-" + scope,
		Application: &cmfv1.FlinkApplication{
			ApiVersion: "cmf.confluent.io/v1",
			Kind:       "FlinkApplication",
			Metadata:   &cmfv1.ObjectMeta{Name: "grpc-" + name},
			Spec:       &cmfv1.JsonObject{Json: spec(parallelism)},
		},
	})
	return err
}

func (g *grpcRival) get(ctx context.Context, scope, name string) error {
	_, err := g.applications.GetApplication(ctx, &cmfv1.GetApplicationRequest{EnvName: "grpc-" + scope, AppName: "grpc-" + name})
	return err
}

func (g *grpcRival) list(ctx context.Context, scope string) (int, error) {
	request := &cmfv1.ListApplicationsRequest{EnvName: "grpc-" + scope, Size: proto.Int32(listed)}
	var answer []byte
	err := g.conn.Invoke(ctx, cmfv1.ApplicationService_ListApplications_FullMethodName, request, &answer, grpc.ForceCodecV2(rawCodec{}))
	return bytes.Count(answer, []byte("FlinkApplication")), err
}

func (g *grpcRival) close() { _ = g.conn.Close() }
