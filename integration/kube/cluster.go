// Package kube runs workload clusters: a real kube-apiserver with its own
// etcd, RBAC on, and nothing behind it. There are no nodes and no controllers;
// what the Flink Kubernetes Operator does is played by package flink.
package kube

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/openweir/weir/integration/etcd"
	"github.com/openweir/weir/integration/pki"
	"github.com/openweir/weir/integration/process"
)

// Config says how to run a cluster.
type Config struct {
	// APIServer and Etcd are the binaries.
	APIServer, Etcd string
	// Name is for messages and for the names of files.
	Name string
	// Dir is where keys, data and logs are put.
	Dir string
	// Durable makes etcd wait for the disk, as in production. Without it the
	// cluster is faster, and forgets everything when the machine does.
	Durable bool
}

// Cluster is a running workload cluster.
type Cluster struct {
	// Name is the Config's name.
	Name string
	// Address is the API server's, host and port.
	Address string
	// Admin reaches the API server as a member of system:masters. It has no
	// limit on queries per second.
	Admin *rest.Config
	// Client uses Admin.
	Client dynamic.Interface
	// APIServer and Etcd are the processes.
	APIServer *process.Process
	Etcd      *etcd.Server

	dir string
}

// Start runs a cluster and waits until it serves.
func Start(ctx context.Context, config Config) (*Cluster, error) {
	keys, err := writeKeys(config.Dir, config.Name)
	if err != nil {
		return nil, err
	}
	address, err := process.FreeAddress()
	if err != nil {
		return nil, err
	}
	c := &Cluster{Name: config.Name, Address: address, dir: config.Dir, Admin: &rest.Config{
		Host:            "https://" + address,
		QPS:             -1,
		TLSClientConfig: rest.TLSClientConfig{CAFile: keys.authority, CertFile: keys.admin.certificate, KeyFile: keys.admin.key},
	}}
	if c.Client, err = dynamic.NewForConfig(c.Admin); err != nil {
		return nil, fmt.Errorf("make a client of cluster %s: %w", config.Name, err)
	}
	c.Etcd, err = etcd.Start(ctx, etcd.Config{
		Binary: config.Etcd, Name: config.Name + "-etcd", Dir: config.Dir, Volatile: !config.Durable,
	})
	if err != nil {
		return nil, err
	}
	if err := c.startAPIServer(ctx, config, keys); err != nil {
		c.Stop()
		return nil, err
	}
	return c, nil
}

func (c *Cluster) startAPIServer(ctx context.Context, config Config, keys keyFiles) error {
	host, port, err := splitAddress(c.Address)
	if err != nil {
		return err
	}
	c.APIServer, err = process.Start(process.Spec{
		Name: config.Name + "-apiserver",
		Path: config.APIServer,
		Logs: config.Dir,
		Args: []string{
			"--etcd-servers=" + c.Etcd.Endpoint,
			"--bind-address=" + host,
			"--secure-port=" + port,
			"--authorization-mode=RBAC",
			"--cert-dir=" + filepath.Join(config.Dir, config.Name+"-certs"),
			"--tls-cert-file=" + keys.server.certificate,
			"--tls-private-key-file=" + keys.server.key,
			"--client-ca-file=" + keys.authority,
			"--service-account-issuer=https://kubernetes.default.svc",
			"--service-account-key-file=" + keys.serviceAccounts,
			"--service-account-signing-key-file=" + keys.serviceAccounts,
			"--service-cluster-ip-range=10.96.0.0/16",
			// There is no network to publish the server's own address in.
			"--endpoint-reconciler-type=none",
			// It makes pods of other projects' defaults; there are no pods.
			"--disable-admission-plugins=ServiceAccount",
		},
	})
	if err != nil {
		return err
	}
	client, err := rest.HTTPClientFor(c.Admin)
	if err != nil {
		return fmt.Errorf("make an HTTP client of cluster %s: %w", c.Name, err)
	}
	return c.APIServer.Ready(ctx, func(ctx context.Context) error {
		return get(ctx, client, c.Admin.Host+"/readyz")
	})
}

// Stop ends the cluster's processes at once.
func (c *Cluster) Stop() {
	if c.APIServer != nil {
		c.APIServer.Kill()
	}
	if c.Etcd != nil {
		c.Etcd.Kill()
	}
}

func get(ctx context.Context, client *http.Client, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", url, response.Status)
	}
	return nil
}

// keyFiles are the paths of a cluster's certificates and keys.
type keyFiles struct {
	authority       string
	serviceAccounts string
	server, admin   pairFiles
}

type pairFiles struct{ certificate, key string }

func writeKeys(dir, name string) (keyFiles, error) {
	authority, err := pki.NewAuthority(name)
	if err != nil {
		return keyFiles{}, err
	}
	server, err := authority.Server(name)
	if err != nil {
		return keyFiles{}, err
	}
	admin, err := authority.Client(pki.Subject{CommonName: "admin", Organizations: []string{"system:masters"}})
	if err != nil {
		return keyFiles{}, err
	}
	_, serviceAccounts, err := pki.NewKey()
	if err != nil {
		return keyFiles{}, err
	}
	path := func(file string) string { return filepath.Join(dir, name+"-"+file) }
	files := keyFiles{
		authority:       path("ca.pem"),
		serviceAccounts: path("service-accounts.key"),
		server:          pairFiles{certificate: path("server.pem"), key: path("server.key")},
		admin:           pairFiles{certificate: path("admin.pem"), key: path("admin.key")},
	}
	for file, content := range map[string][]byte{
		files.authority:          authority.PEM,
		files.serviceAccounts:    serviceAccounts,
		files.server.certificate: server.Certificate,
		files.server.key:         server.Key,
		files.admin.certificate:  admin.Certificate,
		files.admin.key:          admin.Key,
	} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			return keyFiles{}, fmt.Errorf("write the keys of cluster %s: %w", name, err)
		}
	}
	return files, nil
}
