package main

import (
	"context"
	"fmt"
	"time"

	"github.com/openweir/weir/integration/build"
	"github.com/openweir/weir/integration/etcd"
	"github.com/openweir/weir/integration/kube"
	"github.com/openweir/weir/integration/process"
	"github.com/openweir/weir/integration/weir"
)

// setup is everything that runs while the rivals are measured.
type setup struct {
	rivals []rival
	agent  *agent
	stops  []func()
}

// start builds and starts the servers, each as production would run it.
func start(ctx context.Context, dir string) (_ *setup, err error) {
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
	binary, err := build.Weir(ctx)
	if err != nil {
		return nil, err
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
	http, grpc, err := s.startWeir(ctx, dir, binary, etcdBinary)
	if err != nil {
		return nil, err
	}
	return s, s.enter(ctx, cluster, bare, http, grpc)
}

// startWeir runs etcd and a control plane that serves REST too, and returns its
// addresses.
func (s *setup) startWeir(ctx context.Context, dir, binary, etcdBinary string) (http, grpc string, err error) {
	store, err := etcd.Start(ctx, etcd.Config{Binary: etcdBinary, Name: "weir-etcd", Dir: dir})
	if err != nil {
		return "", "", err
	}
	s.stops = append(s.stops, store.Kill)
	var addresses [3]string
	for i := range addresses {
		if addresses[i], err = process.FreeAddress(); err != nil {
			return "", "", err
		}
	}
	http, grpc = addresses[0], addresses[1]
	control, err := weir.Control{
		Binary: binary, Name: "control", Dir: dir, Etcd: []string{store.Endpoint}, GRPC: grpc, Admin: addresses[2],
		HTTP: http, Heartbeat: 10 * time.Second,
	}.Start(ctx)
	if err != nil {
		return "", "", err
	}
	s.stops = append(s.stops, control.Kill)
	return http, grpc, nil
}

// enter makes the rivals and the agent that Weir writes for.
func (s *setup) enter(ctx context.Context, cluster *kube.Cluster, bare *etcd.Server, http, grpc string) error {
	kubernetes, err := newKubeRival(ctx, cluster)
	if err != nil {
		return err
	}
	s.add(kubernetes)
	store, err := newEtcdRival(bare.Endpoint)
	if err != nil {
		return err
	}
	s.add(store)
	s.add(newRESTRival("http://"+http, 64))
	remote, err := newGRPCRival(grpc)
	if err != nil {
		return err
	}
	s.add(remote)
	// The session outlives the time that starting may take.
	s.agent, err = connect(context.WithoutCancel(ctx), grpc, weir.Token)
	if err != nil {
		return fmt.Errorf("register the cluster: %w", err)
	}
	return nil
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
