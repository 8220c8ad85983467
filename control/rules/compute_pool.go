package rules

import (
	"strings"

	"github.com/openweir/weir/control/fault"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// KindComputePool is the contract's.
const KindComputePool = "ComputePool"

// Types of compute pools, and what users want of a shared one.
const (
	PoolDedicated = "DEDICATED"
	PoolShared    = "SHARED"
	PoolRunning   = "RUNNING"
	PoolSuspended = "SUSPENDED"
)

// defaultServiceAccount is the one that the operator's chart makes for jobs.
// Pools may not choose another, says CMF, and applications have to.
const defaultServiceAccount = "flink"

const clusterSpec = "clusterSpec"

// jobOfStatements are the fields of a job that Weir fills in from statements.
// job.parallelism is one too, but clients of CMF send it, so it is passed over.
var jobOfStatements = []string{"jarURI", "entryClass", "args", "state"}

// CheckComputePool notes what is wrong with a pool by itself.
func CheckComputePool(pool *cmfv1.ComputePool) error {
	var v fault.Violations
	CheckObjectName(&v, "metadata.name", pool.GetMetadata().GetName())
	CheckKind(&v, pool.GetKind(), KindComputePool)
	CheckObjectMarks(&v, pool.GetMetadata())
	if err := v.Invalid(); err != nil {
		return err
	}
	spec := pool.GetSpec()
	if spec.GetState() != "" && spec.GetType() != PoolShared {
		v.Addf("spec.state: can only be set for pools of type %s", PoolShared)
	}
	template, err := ParseObject(spec.GetClusterSpec())
	if err != nil {
		v.Addf("spec.clusterSpec: %v", err)
	}
	job := checkObjectAt(&v, "spec.clusterSpec", template, "job")
	for _, field := range jobOfStatements {
		if job[field] != nil {
			v.Addf("spec.clusterSpec.job.%s: must not be set: statements bring their own job", field)
		}
	}
	return v.Unprocessable()
}

// CheckPoolUpdate notes changes of what cannot change.
func CheckPoolUpdate(before, after *cmfv1.ComputePool) error {
	if was := before.GetSpec().GetType(); after.GetSpec().GetType() != was {
		return fault.Unprocessable("spec.type: cannot change after creation, it is '" + was + "'")
	}
	return nil
}

// WantsCluster tells whether a pool has a session cluster of its own running.
func WantsCluster(pool *cmfv1.ComputePool) bool {
	return pool.GetSpec().GetType() == PoolShared && pool.GetSpec().GetState() != PoolSuspended
}

// ClusterSpec is the specification of a pool's clusters: its own under the
// environment's computePoolDefaults, which win key by key.
func ClusterSpec(template, defaults Object) Object {
	own := withFlatConfiguration(template)
	out := Merge(own, withFlatConfiguration(poolDefaults(defaults)))
	if account := out["serviceAccount"]; account == nil || account == "" {
		out["serviceAccount"] = defaultServiceAccount
	}
	return out
}

// poolDefaults is the clusterSpec of defaults, which clients write with the
// specification of a pool around it and without.
func poolDefaults(defaults Object) Object {
	if inner, ok := Field(defaults, "spec", clusterSpec).(Object); ok {
		return inner
	}
	inner, _ := Field(defaults, clusterSpec).(Object)
	return inner
}

// checkPoolDefaults notes defaults that no pool could be given.
func checkPoolDefaults(v *fault.Violations, defaults Object) {
	const field = "computePoolDefaults"
	for _, path := range [][]string{{clusterSpec}, {"spec"}, {"spec", clusterSpec}} {
		checkObjectAt(v, field, defaults, path...)
	}
	within := poolDefaults(defaults)
	checkObjectAt(v, field+"."+clusterSpec, within, flinkConfigurations)
	for _, name := range jobOfStatements {
		if Field(within, "job", name) != nil {
			v.Addf("%s.%s.job.%s: must not be set: statements bring their own job", field, clusterSpec, name)
		}
	}
}

// CheckClusterSpec notes what the Flink operator would refuse in the
// specification that a pool's clusters have.
func CheckClusterSpec(effective Object) error {
	var v fault.Violations
	checkCluster(&v, effective)
	checkOneOf(&v, effective, upgradeModes, "job", "upgradeMode")
	checkDemands(&v, without(effective, "job"))
	return ofClusterSpec(v).Unprocessable()
}

// ofClusterSpec makes violations of a FlinkDeployment's fields ones of a pool's.
func ofClusterSpec(found fault.Violations) fault.Violations {
	var v fault.Violations
	for _, violation := range found {
		v.Addf("spec.clusterSpec.%s", strings.TrimPrefix(violation, "spec."))
	}
	return v
}

// checkCluster is what holds for clusters with and without a job.
func checkCluster(v *fault.Violations, effective Object) {
	checkString(v, effective, "image")
	checkVersion(v, effective)
	checkString(v, effective, "serviceAccount")
	checkOneOf(v, effective, []string{"native", "standalone"}, "mode")
	checkString(v, effective, "imagePullPolicy")
	checkConfiguration(v, effective)
	checkAutoscaler(v, effective)
	checkIngress(v, effective)
	checkLogging(v, effective)
	for i := range podTemplateMarks {
		checkObject(v, effective, podTemplateMarks[:i+1]...)
	}
	checkProcess(v, effective, "jobManager")
	checkProcess(v, effective, "taskManager")
}
