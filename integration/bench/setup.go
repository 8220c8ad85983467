package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/openweir/weir/integration/bench/agent"
	"github.com/openweir/weir/integration/build"
	"github.com/openweir/weir/integration/etcd"
	"github.com/openweir/weir/integration/kube"
	"github.com/openweir/weir/integration/process"
	"github.com/openweir/weir/integration/weir"
)

// setup is everything that runs while the rivals are measured.
type setup struct {
	rivals []rival
	agents []*agent.Agent
	stops  []func()
}

// start builds and starts the servers, each as production would run it.
func start(ctx context.Context, dir string, o options) (_ *setup, err error) {
	s := &setup{}
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	etcdBinary, err := build.Etcd(ctx)
	if err != nil {
		return nil, err
	}
	apiServer, err := build.KubeAPIServer(ctx)
	if err != nil {
		return nil, err
	}
	binary := o.weir
	if binary == "" {
		if binary, err = build.Weir(ctx); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	cluster, err := kube.Start(ctx, kube.Config{APIServer: apiServer, Etcd: etcdBinary, Name: "kube", Dir: dir, Durable: true})
	if err != nil {
		return nil, err
	}
	s.stops = append(s.stops, cluster.Stop)
	bare, err := etcd.Start(ctx, etcd.Config{Binary: etcdBinary, Name: "bare-etcd", Dir: dir})
	if err != nil {
		return nil, err
	}
	s.stops = append(s.stops, bare.Kill)
	if err := s.enter(ctx, cluster, bare); err != nil {
		return nil, err
	}
	if err := s.startWeir(ctx, nowWeir, filepath.Join(dir, "weir"), binary, etcdBinary); err != nil {
		return nil, err
	}
	if o.before != "" {
		if err := s.startWeir(ctx, beforeWeir, filepath.Join(dir, "weir-before"), o.before, etcdBinary); err != nil {
			return nil, err
		}
	}
	if o.anonymous {
		if err := s.startWeir(ctx, anonymousWeir, filepath.Join(dir, "weir-anonymous"), binary, etcdBinary); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// enter adds the rivals that are not Weir.
func (s *setup) enter(ctx context.Context, cluster *kube.Cluster, bare *etcd.Server) error {
	kubernetes, err := newKubeRival(ctx, cluster)
	if err != nil {
		return err
	}
	s.add(kubernetes)
	store, err := newEtcdRival(bare)
	if err != nil {
		return err
	}
	s.add(store)
	return nil
}

// startWeir runs etcd, a control plane that serves REST too, and the agent that
// it writes for, and adds both of its APIs to the rivals. Unless the Weir is
// anonymous, its callers are authenticated and authorized.
func (s *setup) startWeir(ctx context.Context, name, dir, binary, etcdBinary string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make a folder for %s: %w", name, err)
	}
	store, err := etcd.Start(ctx, etcd.Config{Binary: etcdBinary, Name: "etcd", Dir: dir})
	if err != nil {
		return err
	}
	s.stops = append(s.stops, store.Kill)
	var addresses [4]string
	for i := range addresses {
		if addresses[i], err = process.FreeAddress(); err != nil {
			return err
		}
	}
	http, grpc := addresses[0], addresses[1]
	var token bearer
	var auth, bindings string
	if name != anonymousWeir {
		if auth, bindings, token, err = authenticate(dir); err != nil {
			return err
		}
	}
	control, err := weir.Control{
		Binary: binary, Name: "control", Dir: dir, Etcd: []string{store.Endpoint}, GRPC: grpc, Agents: addresses[2], Admin: addresses[3],
		HTTP: http, Clusters: []string{cluster}, Heartbeat: 10 * time.Second, Auth: auth, RoleBindings: bindings,
	}.Start(ctx)
	if err != nil {
		return err
	}
	s.stops = append(s.stops, control.Kill)
	s.add(newRESTRival(name, control, "http://"+http, token, 64))
	remote, err := newGRPCRival(name, control, grpc, token)
	if err != nil {
		return err
	}
	s.add(remote)
	// The session outlives the time that starting may take.
	session, err := agent.Connect(context.WithoutCancel(ctx), agent.Config{
		Address: addresses[2], Token: weir.Token(cluster), Cluster: cluster, Namespace: namespace,
	})
	if err != nil {
		return fmt.Errorf("register the cluster of %s: %w", name, err)
	}
	s.agents = append(s.agents, session)
	return nil
}

// closeAgents ends the sessions and returns what any of them failed with before.
func (s *setup) closeAgents() error {
	var errs []error
	for _, session := range s.agents {
		errs = append(errs, session.Close())
	}
	return errors.Join(errs...)
}

func (s *setup) add(r rival) {
	s.rivals = append(s.rivals, r)
	s.stops = append(s.stops, r.close)
}

// stop ends everything, the last first.
func (s *setup) stop() {
	for i := len(s.stops) - 1; i >= 0; i-- {
		s.stops[i]()
	}
}
