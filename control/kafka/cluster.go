package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// maxTopics is how many topics are listed as tables.
const maxTopics = 10000

const cleanupPolicy = "cleanup.policy"

// withCluster calls do with a client of a Kafka cluster. Errors name the cluster.
func withCluster(ctx context.Context, network *Network, properties map[string]string, do func(context.Context, *kadm.Client) error) error {
	options, err := clientOptions(network, properties)
	if err != nil {
		return fmt.Errorf("its Kafka connection is misconfigured: %w", err)
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return fmt.Errorf("its Kafka connection is misconfigured: %w", err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := do(ctx, kadm.NewClient(client)); err != nil {
		return fmt.Errorf("its Kafka cluster at %s: %w", properties[propertyServers], brief(err))
	}
	return nil
}

// topicNames lists the topics that are tables, in order.
func topicNames(ctx context.Context, network *Network, properties map[string]string) ([]string, error) {
	var names []string
	err := withCluster(ctx, network, properties, func(ctx context.Context, client *kadm.Client) error {
		topics, err := client.ListTopics(ctx)
		if err != nil {
			return err
		}
		for name, topic := range topics {
			if !internal(name) && topic.Err == nil {
				names = append(names, name)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(names) > maxTopics {
		return nil, fmt.Errorf("its Kafka cluster at %s: the number of topics, %d, exceeds the limit of %d", properties[propertyServers], len(names), maxTopics)
	}
	slices.Sort(names)
	return names, nil
}

// internal reports whether a topic belongs to Kafka or to the registry itself.
func internal(topic string) bool {
	return strings.HasPrefix(topic, "__") || strings.HasPrefix(topic, "_confluent") || topic == "_schemas"
}

// topicState is the state of a topic on the cluster.
type topicState struct {
	exists, compacted bool
}

func describeTopic(ctx context.Context, network *Network, properties map[string]string, topic string) (topicState, error) {
	var state topicState
	err := withCluster(ctx, network, properties, func(ctx context.Context, client *kadm.Client) error {
		topics, err := client.ListTopics(ctx, topic)
		if err != nil {
			return err
		}
		detail := topics[topic]
		if errors.Is(detail.Err, kerr.UnknownTopicOrPartition) || errors.Is(detail.Err, kerr.InvalidTopicException) {
			return nil
		}
		if detail.Err != nil {
			return fmt.Errorf("topic %s: %w", topic, detail.Err)
		}
		state.exists = true
		configs, err := client.DescribeTopicConfigs(ctx, topic)
		if err != nil {
			return err
		}
		for _, config := range configs {
			// Reading the configuration needs a permission of its own. Without it
			// the topic is treated as not compacted.
			for _, entry := range config.Configs {
				if entry.Key == cleanupPolicy {
					state.compacted = strings.Contains(entry.MaybeValue(), "compact")
				}
			}
		}
		return nil
	})
	return state, err
}

// Topic is a topic to be created.
type Topic struct {
	Name string
	// Partitions is 0 for the cluster's default.
	Partitions int32
	// CleanupPolicy is delete, compact or both; empty for the cluster's default.
	CleanupPolicy string
}

func createTopic(ctx context.Context, network *Network, properties map[string]string, topic Topic) (created bool, err error) {
	configs := map[string]*string{}
	if topic.CleanupPolicy != "" {
		configs[cleanupPolicy] = &topic.CleanupPolicy
	}
	partitions := topic.Partitions
	if partitions == 0 {
		partitions = -1
	}
	err = withCluster(ctx, network, properties, func(ctx context.Context, client *kadm.Client) error {
		_, err := client.CreateTopic(ctx, partitions, -1, configs, topic.Name)
		if errors.Is(err, kerr.TopicAlreadyExists) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("create topic %s: %w", topic.Name, err)
		}
		created = true
		return nil
	})
	return created, err
}

// deleteTopic deletes a topic. It is not an error if the topic does not exist.
func deleteTopic(ctx context.Context, network *Network, properties map[string]string, topic string) error {
	return withCluster(ctx, network, properties, func(ctx context.Context, client *kadm.Client) error {
		if _, err := client.DeleteTopic(ctx, topic); err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) {
			return fmt.Errorf("delete topic %s: %w", topic, err)
		}
		return nil
	})
}
