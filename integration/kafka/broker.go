// Package kafka runs a real Kafka broker and a real schema registry, each as a
// process of its own.
package kafka

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/openweir/weir/integration/process"
)

// User and Password are known to the listener of a broker that asks for them,
// by PLAIN and by SCRAM-SHA-256.
const (
	User     = "shop"
	Password = "broker-password"
)

// Config says how to run either.
type Config struct {
	// Home is what tools/kafka/assemble.sh made.
	Home string
	// Name is for messages and for the names of files.
	Name string
	// Dir is where data and logs are put.
	Dir string
}

// Broker is a running Kafka cluster of one broker, in KRaft mode.
type Broker struct {
	*process.Process
	// Address takes clients without credentials, SASL those of User.
	Address, SASL string
}

// jvm bounds the heap, and has code compiled quickly rather than well: both
// processes live for minutes.
var jvm = []string{"-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"}

// StartBroker runs a broker and waits until it takes connections.
func StartBroker(ctx context.Context, config Config) (*Broker, error) {
	var addresses [3]string
	for i := range addresses {
		address, err := process.FreeAddress()
		if err != nil {
			return nil, err
		}
		addresses[i] = address
	}
	b := &Broker{Address: addresses[0], SASL: addresses[1]}
	properties, err := b.write(config, addresses[2])
	if err != nil {
		return nil, err
	}
	classpath := filepath.Join(config.Home, "broker", "*")
	format := exec.CommandContext(ctx, "java", "-cp", classpath, "kafka.tools.StorageTool", "format",
		"--cluster-id", "d2Vpci1pbnRlZ3JhdGlvbg", "--config", properties,
		"--add-scram", "SCRAM-SHA-256=[name="+User+",password="+Password+"]")
	if out, err := format.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("format the storage of %s: %w: %s", config.Name, err, out)
	}
	b.Process, err = process.Start(process.Spec{
		Name: config.Name, Path: "java", Args: slices.Concat(jvm, []string{"-cp", classpath, "kafka.Kafka", properties}), Logs: config.Dir,
	})
	if err != nil {
		return nil, err
	}
	if err := b.Ready(ctx, b.listening); err != nil {
		b.Kill()
		return nil, err
	}
	return b, nil
}

// listening is when the broker is no longer fenced: it opens its socket last.
func (b *Broker) listening(ctx context.Context) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", b.Address)
	if err != nil {
		return err
	}
	return conn.Close()
}

// write makes the broker's properties.
func (b *Broker) write(config Config, controller string) (string, error) {
	data := filepath.Join(config.Dir, config.Name+".data")
	listeners := "PLAINTEXT://" + b.Address + ",SASL://" + b.SASL
	properties := []string{
		"process.roles=broker,controller",
		"node.id=1",
		"controller.quorum.voters=1@" + controller,
		"controller.listener.names=CONTROLLER",
		"inter.broker.listener.name=PLAINTEXT",
		"listeners=" + listeners + ",CONTROLLER://" + controller,
		"advertised.listeners=" + listeners,
		"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
		"sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256",
		"listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_" + User + "=\"" + Password + "\";",
		"listener.name.sasl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;",
		"log.dirs=" + data,
		"offsets.topic.num.partitions=1",
		"offsets.topic.replication.factor=1",
		"transaction.state.log.num.partitions=1",
		"transaction.state.log.replication.factor=1",
		"transaction.state.log.min.isr=1",
		"group.initial.rebalance.delay.ms=0",
	}
	path := filepath.Join(config.Dir, config.Name+".properties")
	if err := os.WriteFile(path, []byte(strings.Join(properties, "\n")+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("write the properties of %s: %w", config.Name, err)
	}
	return path, nil
}
