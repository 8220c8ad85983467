package main

import (
	"context"
	"fmt"
	"sync"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// watchers is how many watches are open when their memory is measured.
const watchers = 200

// watchMany opens that many watches of an environment, each following from the
// same version, and returns once all are answered. They last until closed.
func (in *installation) watchMany(ctx context.Context, env, version string) (closeAll func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	var open sync.WaitGroup
	closeAll = func() {
		cancel()
		open.Wait()
	}
	for range watchers {
		stream, err := in.applications.WatchApplications(ctx, &cmfv1.WatchApplicationsRequest{EnvName: env, ResourceVersion: version})
		if err == nil {
			_, err = stream.Recv()
		}
		if err != nil {
			closeAll()
			return nil, fmt.Errorf("watch environment %s: %w", env, err)
		}
		open.Go(func() {
			for err := error(nil); err == nil; {
				_, err = stream.Recv()
			}
		})
	}
	return closeAll, nil
}

// versions are those of the applications of some environments now.
func (in *installation) versions(ctx context.Context, environments ...string) (map[string]string, error) {
	out := map[string]string{}
	for _, env := range environments {
		version, err := in.version(ctx, env)
		if err != nil {
			return nil, err
		}
		out[env] = version
	}
	return out, nil
}

// version is the one of the environment's applications now.
func (in *installation) version(ctx context.Context, env string) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := in.applications.WatchApplications(ctx, &cmfv1.WatchApplicationsRequest{EnvName: env})
	if err != nil {
		return "", fmt.Errorf("watch environment %s: %w", env, err)
	}
	for {
		response, err := stream.Recv()
		if err != nil {
			return "", fmt.Errorf("watch environment %s: %w", env, err)
		}
		if response.GetType() == cmfv1.WatchEventType_WATCH_EVENT_TYPE_SYNCED {
			return response.GetResourceVersion(), nil
		}
	}
}
