// Package information answers what the whole control plane is and holds.
package information

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/resource/environment"
	"github.com/openweir/weir/control/store"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Version is what system information says of the program.
type Version struct {
	// Version is the release, Revision the commit that it was built from.
	Version, Revision string
}

// Information is the room of information about the control plane.
type Information struct {
	cmfv1.UnimplementedInformationServiceServer

	version      Version
	store        *store.Store
	registry     *resource.Registry
	environments *environment.Environments
}

// New makes the room. It is made after the registry of what it counts.
func New(version Version, s *store.Store, registry *resource.Registry, environments *environment.Environments) *Information {
	return &Information{version: version, store: s, registry: registry, environments: environments}
}

// Room is what it gives to the control plane.
func (i *Information) Room() resource.Room {
	return resource.Room{Register: func(server grpc.ServiceRegistrar) {
		cmfv1.RegisterInformationServiceServer(server, i)
	}}
}

// GetSystemInformation says which release this is.
func (i *Information) GetSystemInformation(context.Context, *cmfv1.GetSystemInformationRequest) (*cmfv1.SystemInformation, error) {
	return &cmfv1.SystemInformation{Status: &cmfv1.SystemInformationStatus{
		Version:  i.version.Version,
		Revision: i.version.Revision,
	}}, nil
}

// GetResourceInformation counts all resources, and adds up what they ask their
// clusters for.
func (i *Information) GetResourceInformation(ctx context.Context, _ *cmfv1.GetResourceInformationRequest) (*cmfv1.ResourceInformation, error) {
	at, err := i.store.View(ctx)
	if err != nil {
		return nil, err
	}
	usage := i.environments.Usage(at, i.environments.All(at)...)
	counts := &cmfv1.ResourceCounts{
		Applications:       usage.Counts.GetApplications(),
		Statements:         usage.Counts.GetStatements(),
		KubernetesClusters: map[string]int32{},
	}
	i.registry.Count(at, counts)
	jobManager, taskManager := usage.Summary.GetJobManager(), usage.Summary.GetTaskManager()
	return &cmfv1.ResourceInformation{Status: &cmfv1.ResourceInformationStatus{
		Resources: counts,
		ResourceSummary: &cmfv1.ResourceTotals{
			Cpu:    proto.Float64(jobManager.GetCpu() + taskManager.GetCpu()),
			Memory: proto.Int64(jobManager.GetMemory() + taskManager.GetMemory()),
		},
	}}, nil
}

// The license that clients see, although Weir requires none. Of the types that
// they know, this is the one that does not imply a purchase.
const (
	licenseKind  = "C3LicenseInformation"
	licenseValid = "VALID"
	licenseType  = "FREE_TIER"
)

// GetC3LicenseInformation says that everything is licensed.
func (i *Information) GetC3LicenseInformation(context.Context, *cmfv1.GetC3LicenseInformationRequest) (*cmfv1.C3LicenseInformation, error) {
	return &cmfv1.C3LicenseInformation{
		Kind:   licenseKind,
		Status: &cmfv1.C3LicenseStatus{Status: licenseValid, LicenseType: licenseType},
	}, nil
}
