package validation

import (
	"encoding/json"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/openweir/weir/flink"
	"github.com/openweir/weir/openjson"
)

// oldest is the first minor release of Flink 1 that the operator still runs.
const oldest = 15

var versionPattern = regexp.MustCompile(`^v([0-9]+)_([0-9]+)$`)

func (c *checker) version() {
	version := c.text("flinkVersion")
	parts := versionPattern.FindStringSubmatch(version)
	switch {
	case c.spec["flinkVersion"] == nil, c.spec["flinkVersion"] == "":
		c.addf("spec.flinkVersion", "must be set, such as v1_20")
	case version != "" && parts == nil:
		c.addf("spec.flinkVersion", "must look like v1_20, got %q", version)
	case version != "" && tooOld(parts[1], parts[2]):
		c.addf("spec.flinkVersion", "must be v1_%d or newer, got %q", oldest, version)
	}
}

func tooOld(major, minor string) bool {
	n, err := strconv.Atoi(minor)
	return major == "0" || major == "1" && err == nil && n < oldest
}

// ingressPort finds what stands for a port in the template of an ingress, which
// is a URL with or without its scheme.
var ingressPort = regexp.MustCompile(`(?i)^(?:https?://)?(?:[^/?#@]*@)?[^/?#:\[\]]*:([^/?#]*)`)

func (c *checker) ingress() {
	ingress := c.object("ingress")
	if ingress == nil {
		return
	}
	template := c.text("ingress", "template")
	if ingress["template"] == nil {
		c.addf("spec.ingress.template", "must be set, such as {{name}}.{{namespace}}.example.com")
	}
	if port := ingressPort.FindStringSubmatch(template); port != nil && port[1] != "" {
		if _, err := strconv.ParseUint(port[1], 10, 31); err != nil {
			c.addf("spec.ingress.template", "must result in a URL: %q is not a port", port[1])
		}
	}
}

// logFiles are the only files that the operator puts into the configuration of
// a cluster's logging.
var logFiles = []string{"log4j-console.properties", "logback-console.xml"}

func (c *checker) logging() {
	files := c.object("logConfiguration")
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !slices.Contains(logFiles, name) {
			c.addf("spec.logConfiguration", "must not have the key %q, only %s", name, strings.Join(logFiles, " and "))
		} else if _, isText := files[name].(string); !isText && files[name] != nil {
			c.addf("spec.logConfiguration["+strconv.Quote(name)+"]", "must be a string")
		}
	}
}

func (c *checker) podTemplate() {
	c.object("podTemplate")
	c.object("podTemplate", "metadata")
	c.object("podTemplate", "metadata", "annotations")
	containers := openjson.Field(c.spec, "podTemplate", "spec", "containers")
	if _, isList := containers.([]any); containers != nil && !isList {
		c.addf("spec.podTemplate.spec.containers", "must be a list")
	}
}

func (c *checker) serviceAccount() {
	if account := c.spec["serviceAccount"]; account == nil || account == "" {
		c.addf("spec.serviceAccount", "must be set")
	}
	c.text("serviceAccount")
}

// processMemory are the options that tell how much memory a process has where its
// resource does not: all options of any list.
var processMemory = map[string][][]flink.Option{
	"jobManager": {
		{{"jobmanager.memory.process.size"}}, {{"jobmanager.memory.flink.size"}}, {{"jobmanager.memory.heap.size"}},
		{{"jobmanager.heap.size", "jobmanager.heap.mb"}},
	},
	"taskManager": {
		{{"taskmanager.memory.process.size"}}, {{"taskmanager.memory.flink.size"}},
		{{"taskmanager.memory.task.heap.size"}, {"taskmanager.memory.managed.size", "taskmanager.memory.size"}},
	},
}

func (c *checker) process(name string) {
	c.object(name)
	replicas := c.integer(1, math.MaxInt32, name, "replicas")
	resources := c.object(name, "resource")
	if cpu := resources["cpu"]; cpu != nil && !isPositive(cpu) {
		// The operator takes any number. Kubernetes refuses the pods.
		c.addf(field([]string{name, "resource", "cpu"}), "must be a number greater than 0")
	}
	c.memory(name, resources["memory"])
	if storage := c.text(name, "resource", "ephemeralStorage"); storage != "" {
		if _, err := resource.ParseQuantity(storage); err != nil {
			c.addf(field([]string{name, "resource", "ephemeralStorage"}), "%q is not a quantity such as 2Gi", storage)
		}
	}
	if name == "jobManager" && replicas > 1 {
		c.need(flink.HighlyAvailable(c.options), "spec.jobManager.replicas", flink.HighAvailability,
			"high availability, by %s, where it is more than 1", flink.HighAvailability[0])
	}
}

func (c *checker) memory(process string, memory any) {
	path := []string{process, "resource", "memory"}
	isSet := func(option flink.Option) bool {
		name, _ := option.In(c.options)
		return name != ""
	}
	if memory == nil {
		for _, options := range processMemory[process] {
			if !slices.ContainsFunc(options, func(option flink.Option) bool { return !isSet(option) }) {
				return
			}
		}
		c.problems = append(c.problems, Problem{Field: field(path), Rule: "is not set, nor is " + processMemory[process][0][0][0], Unset: true})
	} else if _, err := flink.ParseMemory(flink.OptionText(memory)); err != nil {
		c.addf(field(path), "%v", err)
	} else {
		c.text(path...)
	}
}

func isPositive(value any) bool {
	number, _ := value.(json.Number)
	n, err := number.Float64()
	return err == nil && n > 0
}
