//go:build flink

// Package path proves statements and applications by REST on real Flink: the
// control plane, an agent and a workload cluster are processes of their own,
// and so are Flink's JobManagers, TaskManagers and SQL Gateways. Every test
// runs on every release in WEIR_FLINK_HOMES.
package path

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
