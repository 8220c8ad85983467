package rules

import (
	"strings"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/contract"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

// CheckComputePool notes what is wrong with a pool by itself.
func CheckComputePool(pool *cmfv1.ComputePool) error {
	var v apierror.Violations
	CheckObjectName(&v, "metadata.name", pool.GetMetadata().GetName())
	CheckKind(&v, pool.GetKind(), contract.KindComputePool)
	CheckObjectMarks(&v, pool.GetMetadata())
	if err := v.Invalid(); err != nil {
		return err
	}
	spec := pool.GetSpec()
	if spec.GetState() != "" && spec.GetType() != contract.PoolShared {
		v.Addf("spec.state: can only be set for pools of type %s", contract.PoolShared)
	}
	template, err := openjson.Parse(spec.GetClusterSpec())
	if err != nil {
		v.Addf("spec.clusterSpec: %v", err)
	}
	flinkspec.CheckTemplate(&v, template)
	return v.Unprocessable()
}

// CheckPoolUpdate notes changes of what cannot change.
func CheckPoolUpdate(before, after *cmfv1.ComputePool) error {
	if was := before.GetSpec().GetType(); after.GetSpec().GetType() != was {
		return apierror.Unprocessable("spec.type: cannot change after creation, it is '" + was + "'")
	}
	return nil
}

// WantsCluster tells whether a pool has a session cluster of its own running.
func WantsCluster(pool *cmfv1.ComputePool) bool {
	return pool.GetSpec().GetType() == contract.PoolShared && pool.GetSpec().GetState() != contract.PoolSuspended
}

