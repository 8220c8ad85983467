package localflink

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/openweir/weir/sandbox/supervise"
)

// Process is a process that runs, or ran.
type Process interface {
	// Done is closed when it has ended.
	Done() <-chan struct{}
	// Err is how it ended.
	Err() error
	// Kill ends it, with all that it started, and waits.
	Kill()
}

// Starter starts a process.
type Starter func(supervise.Command) (Process, error)

// process is one of a cluster's.
type process struct {
	// name is its folder's, too.
	name string
	// script is in the home's bin, and knows how to start it.
	script string
	args   []string
	// java are options of its Java machine.
	java string
	// options are its own, over the cluster's.
	options map[string]string
}

func jobManager(spec Spec, jar string) process {
	p := process{name: "jobmanager", script: "jobmanager.sh"}
	if job := spec.Job; job != nil {
		p.script, p.args = "standalone-job.sh", jobArguments(*job, jar)
	}
	return p
}

// jobArguments tell the JobManager of an application which job to run.
func jobArguments(job Job, jar string) []string {
	args := []string{"--job-id", job.ID}
	if jar != "" {
		args = append(args, "--jars", jar)
	}
	if job.Savepoint != "" {
		args = append(args, "--fromSavepoint", job.Savepoint)
	}
	if job.AllowNonRestoredState {
		args = append(args, "--allowNonRestoredState")
	}
	if job.EntryClass != "" {
		args = append(args, "--job-classname", job.EntryClass)
	}
	if len(job.Args) == 0 {
		return args
	}
	// The program's arguments may look like Flink's.
	return append(append(args, "--"), job.Args...)
}

func taskManager(name Name, number int) process {
	return process{
		name: "taskmanager-" + strconv.Itoa(number), script: "taskmanager.sh",
		// As the operator names its pods.
		options: map[string]string{"taskmanager.resource-id": fmt.Sprintf("%s-taskmanager-1-%d", name.Name, number)},
	}
}

func sqlGateway() process {
	return process{name: "sql-gateway", script: "sql-gateway.sh", java: "-Xmx512m"}
}

// output is where a process of the cluster writes to.
func (p process) output(cluster string) string { return filepath.Join(cluster, p.name, "output.log") }

// prepare makes the folder of a process in that of its cluster, with its
// configuration, and returns how to start it.
func (p process) prepare(home Home, cluster string, all map[string]string) (supervise.Command, error) {
	dir := filepath.Join(cluster, p.name)
	for _, folder := range []string{"conf", "log", "pid", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o700); err != nil {
			return supervise.Command{}, fmt.Errorf("create a directory for %s: %w", p.name, err)
		}
	}
	config := maps.Clone(all)
	config["io.tmp.dirs"] = filepath.Join(dir, "tmp")
	config["web.tmpdir"] = filepath.Join(dir, "tmp")
	maps.Copy(config, p.options)
	data, err := yaml.Marshal(config)
	if err != nil {
		return supervise.Command{}, fmt.Errorf("encode the configuration of %s: %w", p.name, err)
	}
	// It may hold secrets.
	if err := os.WriteFile(filepath.Join(dir, "conf", "config.yaml"), data, 0o600); err != nil {
		return supervise.Command{}, fmt.Errorf("configure %s: %w", p.name, err)
	}
	if err := copyLogging(home, filepath.Join(dir, "conf")); err != nil {
		return supervise.Command{}, fmt.Errorf("configure the log of %s: %w", p.name, err)
	}
	return supervise.Command{
		Path: filepath.Join(home.Dir, "bin", p.script), Args: append([]string{"start-foreground"}, p.args...),
		Env: p.environment(home, dir, os.Environ()), Dir: dir, Output: p.output(cluster),
	}, nil
}

// logging is the file that Flink's scripts look for when they start a process
// in the foreground.
const logging = "log4j-console.properties"

func copyLogging(home Home, into string) error {
	data, err := os.ReadFile(filepath.Join(home.Dir, "conf", logging))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(into, logging), data, 0o600)
}

// environment is the environment variables of the process. Those that a
// developer's shell has for another Flink would lead it astray.
func (p process) environment(home Home, dir string, inherited []string) []string {
	var env []string
	for _, variable := range inherited {
		if !strings.HasPrefix(variable, "FLINK_") && !strings.HasPrefix(variable, "JVM_ARGS=") {
			env = append(env, variable)
		}
	}
	return append(env,
		"FLINK_HOME="+home.Dir, "FLINK_CONF_DIR="+filepath.Join(dir, "conf"), "FLINK_LOG_DIR="+filepath.Join(dir, "log"),
		"FLINK_PID_DIR="+filepath.Join(dir, "pid"), "FLINK_IDENT_STRING=weir", "JVM_ARGS="+p.java,
	)
}
