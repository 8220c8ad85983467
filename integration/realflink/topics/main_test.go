//go:build flink

// Package topics proves that topics of a real Kafka broker, and schemas of a
// real schema registry, become the tables that they are.
package topics

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/openweir/weir/integration/kafka"
)

// The broker and the registry are shared by all tests, which have topics of
// their own.
var (
	broker   *kafka.Broker
	registry *kafka.Registry
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	home := os.Getenv("WEIR_KAFKA_HOME")
	if home == "" {
		return failed(fmt.Errorf("WEIR_KAFKA_HOME names no Kafka; make e2e makes one and sets it"))
	}
	dir, err := os.MkdirTemp("", "weir-topics-")
	if err != nil {
		return failed(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	if broker, err = kafka.StartBroker(ctx, kafka.Config{Home: home, Name: "broker", Dir: dir}); err != nil {
		return failed(err)
	}
	defer broker.Kill()
	if registry, err = kafka.StartRegistry(ctx, kafka.Config{Home: home, Name: "registry", Dir: dir}); err != nil {
		return failed(err)
	}
	defer registry.Kill()
	return m.Run()
}

func failed(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}
