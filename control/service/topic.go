package service

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/openweir/weir/control/kafka"
	"github.com/openweir/weir/control/sql/ddl"
	"github.com/openweir/weir/control/sql/metadata"
	"github.com/openweir/weir/control/sql/token"
	"github.com/openweir/weir/control/state"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
)

// WithTopics makes topics tables, and the services make and delete topics with
// tables, which they do not by themselves: then tables are those that DDL made,
// and nobody talks to Kafka.
func (s *Services) WithTopics(reader *kafka.Reader) *Services {
	s.topics = reader
	return s
}

// andTopics adds the topics of a database to the names of its tables.
func (v *visible) andTopics(catalog, database string, names []string) []string {
	if v.services.topics == nil || v.declaredOnly {
		return names
	}
	at, err := v.services.kafkaDatabase(v.env, catalog, database)
	if err == nil {
		var topics []string
		if topics, err = v.services.topics.Topics(v.ctx, at); err == nil {
			names = append(names, topics...)
			slices.Sort(names)
			return slices.Compact(names)
		}
	}
	v.err = &unreachableDatabase{catalog, database, err}
	return names
}

// topic is the table that a topic is.
func (v *visible) topic(path metadata.Path) (*storev1.TableRecord, bool) {
	if v.services.topics == nil || v.declaredOnly {
		return nil, false
	}
	at, err := v.services.kafkaDatabase(v.env, path.Catalog, path.Database)
	if err == nil {
		var table *storev1.TableRecord
		if table, err = v.services.topics.Table(v.ctx, at, path.Table); err == nil {
			return table, table != nil
		}
	}
	v.err = &unreachableDatabase{path.Catalog, path.Database, err}
	return nil, false
}

// unreachableDatabase is why a statement that names a database cannot run. The
// text is for the user.
type unreachableDatabase struct {
	catalog, database string
	reason            error
}

// Error is a whole sentence.
func (e *unreachableDatabase) Error() string {
	return "Database " + token.QuoteParts(e.catalog, e.database) + " cannot be used: " + e.reason.Error() + "."
}

// Unwrap gives the reason.
func (e *unreachableDatabase) Unwrap() error { return e.reason }

// topicEffect makes the topic of a table that was created, and deletes that of
// one that was dropped.
func (s *Services) topicEffect(ctx context.Context, effect *metadata.Effect, seen *visible) error {
	table := effect.Table
	if effect.Action == metadata.Drop {
		table = seen.dropped(effect.Path)
	}
	if s.topics == nil || effect.Action == metadata.Replace || !ownsTopic(effect.Path.Table, table) {
		return nil
	}
	at, err := s.kafkaDatabase(seen.env, effect.Path.Catalog, effect.Path.Database)
	if err == nil && effect.Action == metadata.Create {
		_, err = s.topics.CreateTopic(ctx, at, kafka.Topic{
			Name: effect.Path.Table, Partitions: max(table.GetDistribution().GetBuckets(), 1), CleanupPolicy: cleanup(table),
		})
	} else if err == nil {
		err = s.topics.DeleteTopic(ctx, at, effect.Path.Table)
	}
	if err != nil {
		return &unreachableDatabase{effect.Path.Catalog, effect.Path.Database, err}
	}
	return nil
}

// dropped is the definition of a table that DDL drops.
func (v *visible) dropped(path metadata.Path) *storev1.TableRecord {
	table, _ := v.Table(path)
	return table
}

// ownsTopic tells whether a table is the topic of its name: one of another
// connector, topic or cluster is only declared.
func ownsTopic(name string, table *storev1.TableRecord) bool {
	options := table.GetOptions()
	topic := options["topic"]
	return ddl.OnKafka(table) && (topic == "" || topic == name) &&
		options["topic-pattern"] == "" && options["properties.bootstrap.servers"] == ""
}

// cleanup is the cleanup policy of a table's topic. Rows that replace each other
// are kept for as long as nothing replaces them.
func cleanup(table *storev1.TableRecord) string {
	if policy := table.GetOptions()["kafka.cleanup-policy"]; policy != "" {
		// Of both, CMF writes delete-compact.
		return strings.ReplaceAll(policy, "-", ",")
	}
	if ddl.Upserts(table) {
		return "compact"
	}
	return ""
}

// kafkaDatabase is how an environment reaches a database.
func (s *Services) kafkaDatabase(env, catalog, database string) (kafka.Database, error) {
	c, d := s.places(catalog, database)
	registry, err := s.mappedSecret(env, catalogSecret(c))
	if err != nil {
		return kafka.Database{}, err
	}
	broker, err := s.mappedSecret(env, databaseSecret(d))
	if err != nil {
		return kafka.Database{}, err
	}
	connection := ddl.ConnectionOf(c, registry, d, broker)
	return kafka.Database{
		Environment: env, Catalog: catalog, Name: database, Kafka: connection.Kafka, Registry: connection.Registry,
	}, nil
}

// mappedSecret opens the secret that an environment maps a connection secret id
// to; nothing where there is no id, or no mapping any more.
func (s *Services) mappedSecret(env, id string) (map[string]string, error) {
	mapping, ok := s.state.SecretMappings.Cached(store.Key(env, id))
	if id == "" || !ok {
		return nil, nil
	}
	name := mapping.Value.GetSpec().GetSecretName()
	secret, _ := s.state.Secrets.Cached(store.Key(name))
	data := map[string]string{}
	for key, sealed := range secret.Value.GetSpec().GetData() {
		value, err := s.keys.Open(state.SecretPlace(name, key), sealed)
		if err != nil {
			return nil, fmt.Errorf("secret %s: %w", name, err)
		}
		data[key] = value
	}
	return data, nil
}
