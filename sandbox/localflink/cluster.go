package localflink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	flinkrest "github.com/openweir/weir/flink/rest"
	"github.com/openweir/weir/sandbox/supervise"
)

// Phase is how far a cluster is.
type Phase int

// The phases of a cluster.
const (
	// Absent is that of a cluster that was not started.
	Absent Phase = iota
	// Starting is until the JobManager answers, and the SQL Gateway where there
	// is one.
	Starting
	// Ready is while they run.
	Ready
	// Failed is when the JobManager ended before it answered: it would again.
	Failed
	// Lost is when the JobManager ended after it had answered.
	Lost
)

// View is what is to be seen of a cluster.
type View struct {
	Phase Phase
	// JobManager and SQLGateway are URLs, empty until they answer.
	JobManager, SQLGateway string
	// Flink is what the JobManager says it is.
	Flink flinkrest.Version
	// TaskManagers is how many there are to be.
	TaskManagers int
	// Cause is why a cluster failed or was lost.
	Cause string
	// Incidents are failures of processes that have not been reported yet.
	Incidents []string
}

// maxIncidents bounds what is kept for those who do not ask.
const maxIncidents = 100

// cluster is one cluster that was started.
type cluster struct {
	name  Name
	spec  Spec
	home  Home
	dir   string
	start Starter
	http  *http.Client
	log   *slog.Logger

	cancel context.CancelFunc
	done   chan struct{}
	// more is sent to when there are to be more TaskManagers.
	more chan struct{}

	mu     sync.Mutex
	view   View
	wanted int
}

func (c *cluster) look() View {
	c.mu.Lock()
	defer c.mu.Unlock()
	view := c.view
	view.TaskManagers = c.wanted
	view.Incidents = append([]string(nil), view.Incidents...)
	return view
}

func (c *cluster) change(f func(*View)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.view)
}

func (c *cluster) incident(message string) {
	c.log.Warn("a Flink process failed", "cause", message)
	c.change(func(v *View) {
		if len(v.Incidents) < maxIncidents {
			v.Incidents = append(v.Incidents, message)
		}
	})
}

func (c *cluster) reported(incidents int) {
	c.change(func(v *View) { v.Incidents = v.Incidents[min(incidents, len(v.Incidents)):] })
}

func (c *cluster) grow(limit int) {
	c.mu.Lock()
	grows := c.wanted < limit
	if grows {
		c.wanted++
	}
	c.mu.Unlock()
	if grows {
		select {
		case c.more <- struct{}{}:
		default:
		}
	}
}

// tries is how often ports are looked for: another program may take one
// between the look and the start.
const tries = 5

// errPortTaken says that the JobManager ended for want of a port.
var errPortTaken = errors.New("a port was taken")

// run runs the cluster until the context ends or the JobManager does.
func (c *cluster) run(ctx context.Context) {
	defer close(c.done)
	for try := 1; ; try++ {
		err := c.attempt(ctx)
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, errPortTaken) && try < tries {
			continue
		}
		c.change(func(v *View) {
			*v = View{Phase: map[bool]Phase{true: Lost, false: Failed}[v.Phase == Ready], Cause: err.Error(), Incidents: v.Incidents}
		})
		c.log.Warn("a Flink cluster stopped", "cause", err)
		return
	}
}

// attempt starts the processes, and returns when all have ended: since the
// context did, or since the JobManager did, which is an error.
func (c *cluster) attempt(ctx context.Context) error {
	if err := os.RemoveAll(c.dir); err != nil {
		return fmt.Errorf("make room for the processes: %w", err)
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return fmt.Errorf("create a directory for the processes: %w", err)
	}
	path := ""
	if c.spec.Job != nil && c.spec.Job.Jar != "" {
		var err error
		if path, err = jar(ctx, c.http, c.home, c.spec.Job.Jar, c.dir); err != nil {
			return err
		}
	}
	at, err := freePorts()
	if err != nil {
		return err
	}
	all, err := options(c.home, c.spec, at)
	if err != nil {
		return err
	}
	// Flink's default is one folder of the machine, where the jars of every
	// cluster and release would get into each other's class path.
	all["user.artifacts.base-dir"] = filepath.Join(c.dir, "artifacts")
	ctx, cancel := context.WithCancel(ctx)
	var others sync.WaitGroup
	defer others.Wait()
	defer cancel()
	manager := jobManager(c.spec, path)
	running, err := c.launch(manager, all)
	if err != nil {
		return err
	}
	defer running.Kill()
	others.Go(func() { c.keepTaskManagers(ctx, all) })
	if c.spec.Job == nil {
		others.Go(func() { c.keep(ctx, sqlGateway(), all) })
	}
	others.Go(func() { c.awaitReady(ctx, at) })
	select {
	case <-ctx.Done():
		return nil
	case <-running.Done():
		return c.ended(manager, running)
	}
}

// taken is what a process writes that finds its port in use.
const taken = "java.net.BindException"

// ended tells why the JobManager did.
func (c *cluster) ended(manager process, running Process) error {
	output := manager.output(c.dir)
	if data, err := readTail(output); err == nil && strings.Contains(string(data), taken) && c.look().Phase != Ready {
		return errPortTaken
	}
	return fmt.Errorf("the JobManager ended: %w", failure(running.Err(), output))
}

// failure adds to how a process ended what it wrote of it. Who is killed
// writes nothing.
func failure(ended error, output string) error {
	switch {
	case ended == nil:
		return errors.New("it exited")
	case errors.As(ended, new(supervise.Killed)):
		return ended
	}
	return fmt.Errorf("%w: %s", ended, cause(output))
}

func (c *cluster) launch(p process, all map[string]string) (Process, error) {
	command, err := p.prepare(c.home, c.dir, all)
	if err != nil {
		return nil, err
	}
	return c.start(command)
}

// keepTaskManagers starts as many TaskManagers as are wanted, and ends them
// with the context.
func (c *cluster) keepTaskManagers(ctx context.Context, all map[string]string) {
	var running sync.WaitGroup
	defer running.Wait()
	for started := 0; ; {
		for wanted := c.look().TaskManagers; started < wanted; {
			started++
			p := taskManager(c.name, started)
			running.Go(func() { c.keep(ctx, p, all) })
		}
		select {
		case <-ctx.Done():
			return
		case <-c.more:
		}
	}
}

// The delay before a process that exited is started again.
const (
	shortPause = time.Second
	longPause  = 30 * time.Second
)

// keep keeps a process running until the context ends.
func (c *cluster) keep(ctx context.Context, p process, all map[string]string) {
	for pause := shortPause; ; pause = min(2*pause, longPause) {
		began := time.Now()
		running, err := c.launch(p, all)
		if err == nil {
			select {
			case <-ctx.Done():
				running.Kill()
				return
			case <-running.Done():
				err = failure(running.Err(), p.output(c.dir))
			}
		}
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > longPause {
			pause = shortPause
		}
		c.incident(fmt.Sprintf("The process %s of %s ended and is started again: %v", p.name, c.name.Name, err))
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// lookInterval is how often processes that start are asked whether they answer.
const lookInterval = 250 * time.Millisecond

// awaitReady notes when the processes answer.
func (c *cluster) awaitReady(ctx context.Context, at ports) {
	manager := fmt.Sprintf("http://%s:%d", loopback, at.rest)
	gateway := fmt.Sprintf("http://%s:%d", loopback, at.gateway)
	ticker := time.NewTicker(lookInterval)
	defer ticker.Stop()
	for {
		version, err := flinkrest.New(manager, c.http).Version(ctx)
		if err == nil {
			c.change(func(v *View) { v.JobManager, v.Flink = manager, version })
			if c.spec.Job != nil {
				gateway = ""
			} else {
				err = answers(ctx, c.http, gateway+"/info")
			}
		}
		if err == nil && ctx.Err() == nil {
			c.change(func(v *View) { v.Phase, v.SQLGateway = Ready, gateway })
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// answers returns nil when a URL does.
func answers(ctx context.Context, client *http.Client, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	return nil
}
