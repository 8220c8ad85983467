// Package conformance holds a running Weir to the REST contract as a client
// sees it: every operation, every documented status of each, every parameter,
// in JSON and in YAML. Each case names the line of the contract that it checks.
package conformance

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/openweir/weir/gateway/contract"
	"github.com/openweir/weir/integration/build"
	"github.com/openweir/weir/integration/process"
	"github.com/openweir/weir/integration/weir"
)

// server is the address of the Weir under test.
var server string

// law is the contract, and served the document that Weir serves of itself.
var (
	law    *contract.Contract
	served *document
)

// pace is how long the simulated operator takes for a step.
const pace = 20 * time.Millisecond

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if law, err = contract.Load(); err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp("", "weir-conformance-")
	if err != nil {
		return 0, fmt.Errorf("make a folder for the log: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	dev, err := startDev(ctx, dir)
	if err != nil {
		return 0, err
	}
	defer dev.Kill()
	if served, err = readDocument(ctx); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

func startDev(ctx context.Context, dir string) (*process.Process, error) {
	binary, err := build.Weir(ctx)
	if err != nil {
		return nil, err
	}
	http, err := process.FreeAddress()
	if err != nil {
		return nil, err
	}
	grpc, err := process.FreeAddress()
	if err != nil {
		return nil, err
	}
	server = "http://" + http
	dev, err := weir.Dev{Binary: binary, Dir: dir, HTTP: http, GRPC: grpc, Pace: pace}.Start(ctx)
	if err != nil {
		return nil, err
	}
	if err := dev.Ready(ctx, clustersConnected); err != nil {
		dev.Kill()
		return nil, err
	}
	return dev, nil
}

// clustersConnected tells whether both sandbox clusters are.
func clustersConnected(ctx context.Context) error {
	page, err := weir.Client{Base: server}.Object(ctx, "GET", "/v1/kubernetes-clusters?filter=state=CONNECTED", "", 200)
	if err != nil {
		return err
	}
	if n := len(page.Items()); n != 2 {
		return fmt.Errorf("%d clusters are connected, want 2", n)
	}
	return nil
}
