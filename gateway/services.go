package gateway

import (
	"context"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/reflect/protoreflect"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// apiPackage is the proto package whose services have REST paths.
const apiPackage protoreflect.FullName = "cmf.v1"

// service binds a gRPC service to the handlers generated for its REST paths.
type service struct {
	name     protoreflect.FullName
	register func(context.Context, *runtime.ServeMux, grpc.ClientConnInterface) error
}

// services are all of them. New refuses to start where the proto has one that
// is not here.
var services = []service{
	bind("ApplicationService", cmfv1.NewApplicationServiceClient, cmfv1.RegisterApplicationServiceHandlerClient),
	bind("ApplicationEventService", cmfv1.NewApplicationEventServiceClient, cmfv1.RegisterApplicationEventServiceHandlerClient),
	bind("ApplicationInstanceService", cmfv1.NewApplicationInstanceServiceClient, cmfv1.RegisterApplicationInstanceServiceHandlerClient),
	bind("ComputePoolService", cmfv1.NewComputePoolServiceClient, cmfv1.RegisterComputePoolServiceHandlerClient),
	bind("DetachedSavepointService", cmfv1.NewDetachedSavepointServiceClient, cmfv1.RegisterDetachedSavepointServiceHandlerClient),
	bind("EnvironmentService", cmfv1.NewEnvironmentServiceClient, cmfv1.RegisterEnvironmentServiceHandlerClient),
	bind("InformationService", cmfv1.NewInformationServiceClient, cmfv1.RegisterInformationServiceHandlerClient),
	bind("KafkaCatalogService", cmfv1.NewKafkaCatalogServiceClient, cmfv1.RegisterKafkaCatalogServiceHandlerClient),
	bind("KafkaDatabaseService", cmfv1.NewKafkaDatabaseServiceClient, cmfv1.RegisterKafkaDatabaseServiceHandlerClient),
	bind("KubernetesClusterService", cmfv1.NewKubernetesClusterServiceClient, cmfv1.RegisterKubernetesClusterServiceHandlerClient),
	bind("SavepointService", cmfv1.NewSavepointServiceClient, cmfv1.RegisterSavepointServiceHandlerClient),
	bind("SecretService", cmfv1.NewSecretServiceClient, cmfv1.RegisterSecretServiceHandlerClient),
	bind("SecretMappingService", cmfv1.NewSecretMappingServiceClient, cmfv1.RegisterSecretMappingServiceHandlerClient),
	bind("StatementService", cmfv1.NewStatementServiceClient, cmfv1.RegisterStatementServiceHandlerClient),
}

func bind[C any](
	name protoreflect.Name,
	client func(grpc.ClientConnInterface) C,
	register func(context.Context, *runtime.ServeMux, C) error,
) service {
	return service{
		name: apiPackage.Append(name),
		register: func(ctx context.Context, mux *runtime.ServeMux, conn grpc.ClientConnInterface) error {
			return register(ctx, mux, client(conn))
		},
	}
}
