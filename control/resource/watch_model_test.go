package resource_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/store/storetest"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// model is what one writer knows of the applications that are its own, and
// what a watch of all has to show of them.
type model struct {
	on    *replica
	names []string
	// present and state are what each application is like.
	present map[string]bool
	state   map[string]string
	events  []string
	serial  int
}

// step writes one transaction of one or two applications.
func (m *model) step(t *testing.T, random *rand.Rand) {
	names := slices.Clone(m.names)
	random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	names = names[:1+random.IntN(2)]
	slices.Sort(names)
	var writes []func(*store.Tx)
	var events []string
	for _, name := range names {
		m.serial++
		serial := fmt.Sprint(m.serial)
		switch present := m.present[name]; {
		case !present:
			m.present[name], m.state[name] = true, "RECONCILING"
			writes = append(writes, m.on.putApplication(name, serial))
			events = append(events, "ADDED "+name+" RECONCILING")
		case random.IntN(4) == 0:
			m.present[name] = false
			writes = append(writes, m.on.removeApplication("prod", name))
			events = append(events, "DELETED "+name+" "+m.state[name])
		case random.IntN(2) == 0:
			writes = append(writes, m.on.putApplication(name, serial))
			events = append(events, "MODIFIED "+name+" "+m.state[name])
		default:
			m.state[name] = []string{"RUNNING", "FAILED"}[random.IntN(2)]
			writes = append(writes, m.on.putStatus(name, m.state[name], int64(m.serial)))
			events = append(events, "MODIFIED "+name+" "+m.state[name])
		}
	}
	revision := m.on.commit(t, writes...)
	for i, event := range events {
		version := fmt.Sprint(revision)
		if i < len(events)-1 {
			version += fmt.Sprintf(".%d", i+1)
		}
		m.events = append(m.events, version+" "+event)
	}
}

// short is the version of a response and what it says.
func short(response *cmfv1.WatchApplicationsResponse) string {
	fields := strings.Fields(brief([]string{line(response)})[0])
	return response.GetResourceVersion() + " " + fields[0] + " " + fields[1] + " " + fields[3]
}

// follow returns all events, by a sequence of watches on alternating replicas. Each
// watch returns a few events, and the next one resumes after them.
func follow(t *testing.T, replicas []*replica, from, filter string, until string, piece func() int) []string {
	t.Helper()
	var seen []string
	for turn := 0; ; turn++ {
		w := replicas[turn%len(replicas)].watch(t, from, filter)
		next(t, w, 1) // the bookmark
		for range piece() {
			response, err := w.Recv()
			if err != nil {
				t.Errorf("after %d events: %v", len(seen), err)
				return seen
			}
			if from = response.GetResourceVersion(); response.GetObject().GetMetadata().GetName() == until {
				return seen
			}
			seen = append(seen, short(response))
		}
	}
}

// Whatever is written, on whichever replica, and wherever the watches break:
// each change is seen once, in order, as it was.
func TestWatchesMatchTheModel(t *testing.T) {
	etcd := storetest.Etcd(t)
	// One writer on each: independent transactions of one replica may be committed
	// at one revision, which would be part of the versions.
	var replicas []*replica
	for range 4 {
		replicas = append(replicas, startReplica(t, etcd))
	}
	replicas[0].putEnvironment(t, "prod")
	_, versions := next(t, replicas[1].watch(t, "", ""), 1)
	begin := versions[0]

	var writers, watchers sync.WaitGroup
	models := make([]*model, len(replicas))
	for i := range models {
		m := &model{on: replicas[i], present: map[string]bool{}, state: map[string]string{}}
		for n := range 5 {
			m.names = append(m.names, fmt.Sprintf("app-%d-%d", i, n))
		}
		models[i] = m
		random := rand.New(rand.NewPCG(uint64(i), 7))
		writers.Go(func() {
			for range 100 {
				m.step(t, random)
			}
		})
	}
	endless := func() int { return 1 << 30 }
	random := rand.New(rand.NewPCG(3, 4))
	pieces := func() int { return 1 + random.IntN(20) }
	var whole, divided, running []string
	watchers.Go(func() { whole = follow(t, replicas[:1], begin, "", "zz-last", endless) })
	watchers.Go(func() { divided = follow(t, replicas, begin, "", "zz-last", pieces) })
	watchers.Go(func() { running = follow(t, replicas[1:2], begin, "state=RUNNING", "zz-last", endless) })
	writers.Wait()
	replicas[0].commit(t, replicas[0].putApplication("zz-last", "1"), replicas[0].putStatus("zz-last", "RUNNING", 1))
	watchers.Wait()
	runningAfterwards := follow(t, replicas, begin, "state=RUNNING", "zz-last", endless)

	var written []string
	for _, m := range models {
		written = append(written, m.events...)
	}
	inOrder := slices.Clone(whole)
	slices.Sort(inOrder)
	slices.Sort(written)
	equal(t, "a watch of all", written, inOrder)
	equal(t, "watches that go on", whole, divided)
	equal(t, "a filtered watch", filtered(whole), running)
	equal(t, "a filtered watch afterwards", running, runningAfterwards)
}

// filtered is what state=RUNNING lets through of a watch of all.
func filtered(events []string) []string {
	matching := map[string]bool{}
	var out []string
	for _, event := range events {
		f := strings.Fields(event)
		version, name, matches := f[0], f[2], f[1] != "DELETED" && f[3] == "RUNNING"
		var kind string
		switch {
		case matches && matching[name]:
			kind = "MODIFIED"
		case matches:
			kind = "ADDED"
		case matching[name]:
			kind = "DELETED"
		default:
			continue
		}
		matching[name] = matches
		out = append(out, strings.Join([]string{version, kind, name, "RUNNING"}, " "))
	}
	return out
}
