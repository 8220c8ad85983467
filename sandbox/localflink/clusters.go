package localflink

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	flinkrest "github.com/openweir/weir/flink/rest"
	"github.com/openweir/weir/sandbox/supervise"
)

// Config is what clusters are made with.
type Config struct {
	// Homes are the Flink distributions that clusters run out of.
	Homes Homes
	// Dir is the folder for the clusters' state, configuration and logs, an
	// absolute path.
	Dir string
	// Start starts processes.
	Start Starter
	// Log is where the starts and failures of processes are logged.
	Log *slog.Logger
}

// Clusters are Flink clusters that run as processes.
type Clusters struct {
	Homes
	dir   string
	start Starter
	http  *http.Client
	log   *slog.Logger

	mu       sync.Mutex
	clusters map[Name]*cluster
}

// answerTime is how long a JobManager may take to answer.
const answerTime = 30 * time.Second

// New returns clusters of which none runs.
func New(config Config) *Clusters {
	return &Clusters{
		Homes: config.Homes, dir: config.Dir, start: config.Start, log: config.Log,
		http:     &http.Client{Timeout: answerTime},
		clusters: map[Name]*cluster{},
	}
}

// Supervised returns a Starter of processes that do not outlive this one.
// supervisor is a command line that ends in supervise.Main.
func Supervised(supervisor []string) Starter {
	return func(command supervise.Command) (Process, error) { return supervise.Start(supervisor, command) }
}

// Start starts a cluster, in place of the one of that name that may run, and
// does not wait until it does; View tells.
func (c *Clusters) Start(name Name, spec Spec) error {
	home, ok := c.Homes[spec.Version]
	if !ok {
		return c.Supports(spec.Version)
	}
	c.Stop(name)
	dir := c.processes(name)
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("make room for cluster %s: %w", name, err)
	}
	ctx, cancel := context.WithCancel(context.Background()) //nolint:forbidigo // processes run until Stop, whoever started them
	started := &cluster{
		name: name, spec: spec, home: home, dir: dir, start: c.start, http: c.http, log: c.log.With("cluster", name.String()),
		cancel: cancel, done: make(chan struct{}), more: make(chan struct{}, 1), wanted: max(spec.TaskManagers, 1),
		view: View{Phase: Starting},
	}
	c.mu.Lock()
	c.clusters[name] = started
	c.mu.Unlock()
	go started.run(ctx)
	return nil
}

// processes is the folder of a cluster's processes.
func (c *Clusters) processes(name Name) string {
	return filepath.Join(c.dir, name.Namespace, name.Name, "processes")
}

func (c *Clusters) get(name Name) *cluster {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.clusters[name]
}

// Stop ends a cluster, if it runs, and waits until nothing of it does.
func (c *Clusters) Stop(name Name) {
	c.mu.Lock()
	stopped := c.clusters[name]
	delete(c.clusters, name)
	c.mu.Unlock()
	if stopped != nil {
		stopped.cancel()
		<-stopped.done
	}
}

// Remove ends a cluster permanently and deletes its logs and the checkpoints in its
// own folder. Savepoints are kept, since they belong to the user.
func (c *Clusters) Remove(name Name) error {
	c.Stop(name)
	for _, folder := range []string{c.processes(name), filepath.Join(c.dir, name.Namespace, name.Name, "checkpoints")} {
		if err := os.RemoveAll(folder); err != nil {
			return fmt.Errorf("remove what cluster %s left: %w", name, err)
		}
	}
	return nil
}

// Close ends every cluster, and waits.
func (c *Clusters) Close() {
	c.mu.Lock()
	all := c.clusters
	c.clusters = map[Name]*cluster{}
	c.mu.Unlock()
	for _, cluster := range all {
		cluster.cancel()
	}
	for _, cluster := range all {
		<-cluster.done
	}
	c.http.CloseIdleConnections()
}

// View returns what is to be seen of a cluster.
func (c *Clusters) View(name Name) View {
	if found := c.get(name); found != nil {
		return found.look()
	}
	return View{}
}

// Reported drops the oldest incidents, for which events have been recorded.
func (c *Clusters) Reported(name Name, incidents int) {
	if found := c.get(name); found != nil {
		found.reported(incidents)
	}
}

// JobManager returns a client of a cluster's JobManager; nil where it does not
// answer.
func (c *Clusters) JobManager(name Name) *flinkrest.Client {
	view := c.View(name)
	if view.JobManager == "" {
		return nil
	}
	return flinkrest.New(view.JobManager, c.http)
}

// Grow adds a TaskManager to a cluster, up to a number.
func (c *Clusters) Grow(name Name, limit int) {
	if found := c.get(name); found != nil {
		found.grow(limit)
	}
}

// Jar returns the path of the jar that a URI names, for a cluster's job.
func (c *Clusters) Jar(ctx context.Context, name Name, uri string) (string, error) {
	found := c.get(name)
	if found == nil {
		return "", fmt.Errorf("find a jar for cluster %s: it does not run", name)
	}
	return jar(ctx, c.http, found.home, uri, found.dir)
}
