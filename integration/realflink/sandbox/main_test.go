//go:build flink

// Package sandbox proves on real Flink what the sandbox's operator does with
// FlinkDeployments, FlinkSessionJobs and FlinkStateSnapshots: a `weir sandbox`
// is driven through its kubeconfig, and Flink asked over REST. Every test runs
// on every release in WEIR_FLINK_HOMES.
package sandbox

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/openweir/weir/integration/build"
	"github.com/openweir/weir/integration/realflink/session"
)

// binary is the program under test.
var binary string

// homes are the Flink distributions, by release.
var homes map[string]string

func TestMain(m *testing.M) {
	if err := prepare(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func prepare() (err error) {
	named, err := session.NamedHomes()
	if err != nil {
		return err
	}
	homes = map[string]string{}
	for _, home := range named {
		homes[filepath.Base(home)] = home
	}
	binary, err = build.Weir(context.Background())
	return err
}
