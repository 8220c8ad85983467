package kafka

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"slices"

	"github.com/openweir/weir/integration/process"
)

// Registry is a running Apicurio Registry, which keeps schemas in memory.
type Registry struct {
	*process.Process
	// URL is where it speaks as Confluent's Schema Registry does.
	URL string
}

// StartRegistry runs a registry and waits until it answers.
func StartRegistry(ctx context.Context, config Config) (*Registry, error) {
	address, err := process.FreeAddress()
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("address of %s: %w", config.Name, err)
	}
	jars, err := filepath.Glob(filepath.Join(config.Home, "registry", "*-runner.jar"))
	if err != nil || len(jars) != 1 {
		return nil, fmt.Errorf("look for the registry in %s: found %v, %w", config.Home, jars, err)
	}
	r := &Registry{URL: "http://" + address + "/apis/ccompat/v7"}
	r.Process, err = process.Start(process.Spec{
		Name: config.Name, Path: "java", Logs: config.Dir,
		Args: slices.Concat(jvm, []string{"-Dquarkus.http.host=" + host, "-Dquarkus.http.port=" + port, "-jar", jars[0]}),
	})
	if err != nil {
		return nil, err
	}
	if err := r.Ready(ctx, r.answers); err != nil {
		r.Kill()
		return nil, err
	}
	return r, nil
}

func (r *Registry) answers(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL+"/subjects", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	if err := response.Body.Close(); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %s", response.Status)
	}
	return nil
}
