package operator

import (
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/openweir/weir/flink"
)

// namePattern is what the name of a Flink cluster must look like: it becomes
// the prefix of service names.
var namePattern = regexp.MustCompile(`^[a-z]([-a-z0-9]{0,43}[a-z0-9])?$`)

// validateDeployment returns the first rule of the operator's validator that
// the spec of a FlinkDeployment breaks, or nil. reconciled is the spec in
// force; nil where there is none.
func validateDeployment(name string, s, reconciled spec) error {
	if !namePattern.MatchString(name) {
		return fmt.Errorf("the FlinkDeployment name %q must match %s and have at most 45 characters", name, namePattern)
	}
	for _, rule := range []func() error{
		func() error { return validateVersion(s, reconciled) },
		func() error { return validateConfig(s.config()) },
		func() error { return validateIngress(s) },
		func() error { return validateLogging(s) },
		func() error { return validateJob(s) },
		func() error { return validateComponents(s) },
		func() error { return validateChange(s, reconciled) },
		func() error {
			if s.text("serviceAccount") == "" {
				return fmt.Errorf("spec.serviceAccount must be set")
			}
			return nil
		},
		func() error { return validateAutoscaler(s.config()) },
	} {
		if err := rule(); err != nil {
			return err
		}
	}
	return nil
}

func validateVersion(s, reconciled spec) error {
	version := s.text("flinkVersion")
	switch version {
	case "":
		return fmt.Errorf("spec.flinkVersion must be set")
	case "v1_13", "v1_14":
		return fmt.Errorf("spec.flinkVersion %s is not supported: the oldest supported version is v1_15", version)
	}
	if reconciled != nil && reconciled.suspended() && reconciled.upgradeMode() == flink.UpgradeLastState &&
		reconciled.text("flinkVersion") != version && s.upgradeMode() != flink.UpgradeStateless {
		return fmt.Errorf("spec.flinkVersion cannot change while the job is suspended by last-state: resume it first, upgrade afterwards")
	}
	return nil
}

// forbiddenOptions belong to the operator.
var forbiddenOptions = []string{"kubernetes.namespace", "kubernetes.cluster-id", "high-availability.cluster-id"}

func validateConfig(config map[string]string) error {
	for _, option := range forbiddenOptions {
		if _, ok := config[option]; ok {
			return fmt.Errorf("spec.flinkConfiguration must not set %s", option)
		}
	}
	on := func(option string) bool { return strings.EqualFold(config["kubernetes.operator."+option], "true") }
	available := spec{"flinkConfiguration": anyMap(config)}.highlyAvailable()
	if on("deployment.rollback.enabled") && !available {
		return fmt.Errorf("kubernetes.operator.deployment.rollback.enabled needs high availability")
	}
	recovery, set := config["kubernetes.operator.jm-deployment-recovery.enabled"]
	if on("cluster.health-check.enabled") && set && !strings.EqualFold(recovery, "true") {
		return fmt.Errorf("kubernetes.operator.cluster.health-check.enabled needs kubernetes.operator.jm-deployment-recovery.enabled")
	}
	return nil
}

func anyMap(config map[string]string) map[string]any {
	converted := make(map[string]any, len(config))
	for name, value := range config {
		converted[name] = value
	}
	return converted
}

func validateIngress(s spec) error {
	if s["ingress"] == nil {
		return nil
	}
	if s.at("ingress", "template") == nil {
		return fmt.Errorf("spec.ingress.template must be set")
	}
	template := s.text("ingress", "template")
	if port := ingressPort.FindStringSubmatch(template); port != nil && strings.Trim(port[1], "0123456789") != "" {
		return fmt.Errorf("spec.ingress.template %q does not render to a URL", template)
	}
	return nil
}

// ingressPort finds the port of a template, the only part of it that can be
// wrong to the operator.
var ingressPort = regexp.MustCompile(`^(?:https?://)?[^/?#:\[\]]*:([^/?#]*)`)

func validateLogging(s spec) error {
	files, _ := s["logConfiguration"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if name != "log4j-console.properties" && name != "logback-console.xml" {
			return fmt.Errorf("spec.logConfiguration has the unknown file %q: allowed are log4j-console.properties and logback-console.xml", name)
		}
	}
	return nil
}

// validateJob holds the job, if there is one, to the rules that need no more
// than the spec.
func validateJob(s spec) error {
	if s.job() == nil {
		return nil
	}
	if parallelism, _ := s.number("job", "parallelism"); parallelism < 1 && s.at("taskManager", "replicas") == nil {
		return fmt.Errorf("spec.job.parallelism must be greater than 0")
	}
	config := s.config()
	checkpoints := firstOf(config, "execution.checkpointing.dir", "state.checkpoints.dir")
	savepoints := firstOf(config, "execution.checkpointing.savepoint-dir", "state.savepoints.dir")
	if mode := s.upgradeMode(); mode != flink.UpgradeStateless && checkpoints == "" {
		return fmt.Errorf("spec.job.upgradeMode %s needs state.checkpoints.dir in spec.flinkConfiguration", mode)
	}
	if savepoints != "" {
		return nil
	}
	periodic := config["kubernetes.operator.periodic.savepoint.interval"]
	maxAge := config["kubernetes.operator.job.upgrade.last-state.max.allowed.checkpoint.age"]
	switch {
	case s.upgradeMode() == flink.UpgradeSavepoint:
		return fmt.Errorf("spec.job.upgradeMode savepoint needs state.savepoints.dir in spec.flinkConfiguration")
	case s.at("job", "savepointTriggerNonce") != nil:
		return fmt.Errorf("spec.job.savepointTriggerNonce needs state.savepoints.dir in spec.flinkConfiguration")
	case periodic != "" && periodic != "0":
		return fmt.Errorf("periodic savepoints need state.savepoints.dir in spec.flinkConfiguration")
	case maxAge != "":
		return fmt.Errorf("a maximum age of checkpoints needs state.savepoints.dir in spec.flinkConfiguration")
	}
	return nil
}

func validateComponents(s spec) error {
	for _, component := range []string{"jobManager", "taskManager"} {
		if replicas, ok := s.number(component, "replicas"); ok && replicas < 1 {
			return fmt.Errorf("spec.%s.replicas must be at least 1", component)
		}
		if err := validateMemory(s, component); err != nil {
			return err
		}
	}
	if replicas, _ := s.number("jobManager", "replicas"); replicas > 1 && !s.highlyAvailable() {
		return fmt.Errorf("spec.jobManager.replicas above 1 need high availability")
	}
	return nil
}

// validateMemory asks for the memory of a component as a resource or as one of
// Flink's options, and that quantities are such.
func validateMemory(s spec, component string) error {
	config := s.config()
	prefix := strings.ToLower(component) + ".memory."
	memory := s.text(component, "resource", "memory")
	known := memory != "" || firstOf(config, prefix+"process.size", prefix+"flink.size", prefix+"heap.size", prefix+"task.heap.size") != ""
	if !known {
		return fmt.Errorf("spec.%s.resource.memory must be set, or %sprocess.size in spec.flinkConfiguration", component, prefix)
	}
	for _, field := range []string{"memory", "ephemeralStorage"} {
		quantity := s.text(component, "resource", field)
		if quantity != "" && !parsesAsMemory(quantity) {
			return fmt.Errorf("spec.%s.resource.%s %q is no quantity", component, field, quantity)
		}
	}
	return nil
}

// flinkMemory is Flink's own way to write amounts of memory.
var flinkMemory = regexp.MustCompile(`(?i)^\d+\s*(b|bytes|k|kb|kibibytes|m|mb|mebibytes|g|gb|gibibytes|t|tb|tebibytes)?$`)

func parsesAsMemory(quantity string) bool {
	_, err := resource.ParseQuantity(quantity)
	return err == nil || flinkMemory.MatchString(quantity)
}

// validateChange holds a spec against the one in force.
func validateChange(s, reconciled spec) error {
	if reconciled == nil {
		return nil
	}
	if (s.job() == nil) != (reconciled.job() == nil) {
		return fmt.Errorf("a deployment cannot change between session cluster and application cluster")
	}
	standalone := func(s spec) bool { return s.text("mode") == flink.Standalone }
	if standalone(s) != standalone(reconciled) {
		return fmt.Errorf("spec.mode cannot change")
	}
	nonce := s.at("job", "savepointRedeployNonce")
	if nonce != nil && nonce != reconciled.at("job", "savepointRedeployNonce") &&
		strings.TrimSpace(s.text("job", "initialSavepointPath")) == "" {
		return fmt.Errorf("a new spec.job.savepointRedeployNonce needs spec.job.initialSavepointPath")
	}
	return nil
}

// validateSessionJob returns the first rule that a FlinkSessionJob breaks.
// cluster is the spec of its session cluster; nil where there is none yet.
// fetches tells whether the jar can be had.
func validateSessionJob(s, reconciled, cluster spec, fetches func(uri string) error) error {
	name := s.text("deploymentName")
	if !namePattern.MatchString(name) {
		return fmt.Errorf("spec.deploymentName %q must match %s", name, namePattern)
	}
	if s.job() == nil {
		return fmt.Errorf("spec.job must be set")
	}
	if reconciled != nil && reconciled.text("deploymentName") != name {
		return fmt.Errorf("spec.deploymentName cannot change")
	}
	if err := fetches(s.text("job", "jarURI")); err != nil {
		return err
	}
	if cluster == nil {
		return nil
	}
	if cluster.job() != nil {
		return fmt.Errorf("spec.deploymentName %q is an application cluster: session jobs need a session cluster", name)
	}
	return validateJob(s.over(cluster))
}

// validateArtifact holds the jar of a session job to the schemes and hosts that
// the operator fetches from by default. The simulation resolves no names.
func validateArtifact(jar string) error {
	if jar == "" {
		return nil
	}
	at, err := url.Parse(jar)
	if err != nil || at.Scheme != "https" {
		return fmt.Errorf("spec.job.jarURI %q must have one of the allowed schemes: https", jar)
	}
	ip, err := netip.ParseAddr(at.Hostname())
	restricted := err == nil && (ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified())
	if restricted || at.Hostname() == "localhost" {
		return fmt.Errorf("spec.job.jarURI %q is on a restricted host", jar)
	}
	return nil
}

// over returns the spec with the session cluster's options under its own.
func (s spec) over(cluster spec) spec {
	config := cluster.config()
	for name, value := range s.config() {
		config[name] = value
	}
	merged := spec{}
	for name, value := range s {
		merged[name] = value
	}
	merged["flinkConfiguration"] = anyMap(config)
	return merged
}

// validateSnapshot returns the first rule that a FlinkStateSnapshot breaks.
func validateSnapshot(s spec) error {
	if (s["savepoint"] == nil) == (s["checkpoint"] == nil) {
		return fmt.Errorf("exactly one of spec.savepoint and spec.checkpoint must be set")
	}
	exists, _ := s.at("savepoint", "alreadyExists").(bool)
	if !exists && (s.text("jobReference", "kind") == "" || s.text("jobReference", "name") == "") {
		return fmt.Errorf("spec.jobReference must name a kind and an object")
	}
	return nil
}
