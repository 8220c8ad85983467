// Package etcd runs a real etcd, of one member, as a process of its own.
package etcd

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"github.com/openweir/weir/integration/process"
)

// Config says how to run etcd.
type Config struct {
	// Binary is the etcd server.
	Binary string
	// Name is for messages and for the names of files.
	Name string
	// Dir is where the data is put, and the log.
	Dir string
	// Volatile gives up durability for speed, where etcd is not what is tested.
	Volatile bool
	// Quota bounds the size of the database, in bytes; 0 for etcd's default of
	// 2 GiB.
	Quota int64
}

// Server is a running etcd.
type Server struct {
	*process.Process
	// Endpoint is where clients connect, such as "http://127.0.0.1:2379".
	Endpoint string
}

// Start runs etcd and waits until it serves.
func Start(ctx context.Context, config Config) (*Server, error) {
	client, err := process.FreeAddress()
	if err != nil {
		return nil, err
	}
	peer, err := process.FreeAddress()
	if err != nil {
		return nil, err
	}
	data := filepath.Join(config.Dir, config.Name+".etcd")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder of etcd: %w", err)
	}
	args := []string{
		"--name=" + config.Name,
		"--data-dir=" + data,
		"--listen-client-urls=http://" + client,
		"--advertise-client-urls=http://" + client,
		"--listen-peer-urls=http://" + peer,
		"--initial-advertise-peer-urls=http://" + peer,
		"--initial-cluster=" + config.Name + "=http://" + peer,
		"--log-level=warn",
	}
	if config.Quota > 0 {
		args = append(args, "--quota-backend-bytes="+strconv.FormatInt(config.Quota, 10))
	}
	if config.Volatile {
		args = append(args, "--unsafe-no-fsync")
	}
	p, err := process.Start(process.Spec{Name: config.Name, Path: config.Binary, Args: args, Logs: config.Dir})
	if err != nil {
		return nil, err
	}
	s := &Server{Process: p, Endpoint: "http://" + client}
	if err := p.Ready(ctx, s.healthy); err != nil {
		p.Kill()
		return nil, err
	}
	return s, nil
}

func (s *Server) healthy(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Endpoint+"/health", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("etcd is not healthy: %s", response.Status)
	}
	return nil
}
