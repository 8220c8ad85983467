package service

import (
	"context"
	"fmt"

	"github.com/openweir/weir/control/rules"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

type information struct {
	cmfv1.UnimplementedInformationServiceServer
	*Services
}

func (s *information) GetSystemInformation(context.Context, *cmfv1.GetSystemInformationRequest) (*cmfv1.SystemInformation, error) {
	return &cmfv1.SystemInformation{Status: &cmfv1.SystemInformationStatus{
		Version:  s.version.Version,
		Revision: s.version.Revision,
	}}, nil
}

func (s *information) GetResourceInformation(ctx context.Context, _ *cmfv1.GetResourceInformationRequest) (*cmfv1.ResourceInformation, error) {
	envs, err := s.state.Environments.List(ctx, "")
	if err != nil {
		return nil, fmt.Errorf("list environments: %w", err)
	}
	counts := &cmfv1.ResourceCounts{
		Environments:       count(len(envs)),
		Applications:       map[string]int32{},
		Statements:         map[string]int32{},
		KubernetesClusters: map[string]int32{},
		ComputePools:       count(len(s.state.ComputePools.CachedUnder(""))),
		Secrets:            count(len(s.state.Secrets.CachedUnder(""))),
		Catalogs:           count(len(s.state.Catalogs.CachedUnder(""))),
		Savepoints:         count(len(s.state.Savepoints.CachedUnder(""))),
		DetachedSavepoints: count(len(s.state.DetachedSavepoints.CachedUnder(""))),
	}
	sum := rules.AddUsage(nil, nil)
	for _, env := range envs {
		inside, usage := s.usageOf(env.Key)
		for state, n := range inside.GetApplications() {
			counts.Applications[state] += n
		}
		for phase, n := range inside.GetStatements() {
			counts.Statements[phase] += n
		}
		sum = rules.AddUsage(sum, usage)
	}
	for _, cluster := range s.state.Clusters.CachedUnder("") {
		counts.KubernetesClusters[s.clusterStatus(cluster.Key).GetState()]++
	}
	cpu := sum.GetJobManager().GetCpu() + sum.GetTaskManager().GetCpu()
	memory := sum.GetJobManager().GetMemory() + sum.GetTaskManager().GetMemory()
	return &cmfv1.ResourceInformation{Status: &cmfv1.ResourceInformationStatus{
		Resources:       counts,
		ResourceSummary: &cmfv1.ResourceTotals{Cpu: &cpu, Memory: &memory},
	}}, nil
}

func count(n int) *int32 {
	v := int32(n)
	return &v
}

// What clients read of the license that Weir does not need. The type is the one
// among those that they know which nobody has to buy.
const (
	licenseKind  = "C3LicenseInformation"
	licenseValid = "VALID"
	licenseType  = "FREE_TIER"
)

func (s *information) GetC3LicenseInformation(context.Context, *cmfv1.GetC3LicenseInformationRequest) (*cmfv1.C3LicenseInformation, error) {
	return &cmfv1.C3LicenseInformation{
		Kind:   licenseKind,
		Status: &cmfv1.C3LicenseStatus{Status: licenseValid, LicenseType: licenseType},
	}, nil
}
