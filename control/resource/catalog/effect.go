package catalog

import (
	"context"
	"strings"

	"github.com/openweir/weir/control/kafka"
	"github.com/openweir/weir/control/sql/ddl"
	"github.com/openweir/weir/control/sql/metadata"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
)

// Effect writes what a statement of DDL does to a table, on condition that the
// table is still what the statement was checked against. The effect may be nil.
//
// The topic of the table is created or deleted at once, before the transaction is
// committed: when the transaction starts over, to find it there, or gone, does no
// harm. What the statement was checked against has to be as new as its request:
// seen has to be made of a View, or of a transaction that began after one.
func (c *Catalogs) Effect(ctx context.Context, tx *store.Tx, effect *metadata.Effect, seen *Visible) error {
	if effect == nil {
		return nil
	}
	path := effect.Path
	table := &storev1.StatementTable{Catalog: path.Catalog, Database: path.Database, Name: path.Table, Definition: effect.Table}
	if err := c.CheckRedirects(seen.at, table, nil); err != nil && effect.Action != metadata.Drop {
		return err
	}
	if err := c.topicEffect(ctx, effect, seen); err != nil {
		return err
	}
	c.Databases.RequirePresent(tx, store.Key(path.Catalog, path.Database))
	key := tableKey(path)
	if checked := c.Tables.In(seen.at).Get(key); checked == nil {
		c.Tables.RequireAbsent(tx, key)
	} else {
		c.Tables.RequireRevision(tx, key, checked.Revision)
	}
	if effect.Action == metadata.Drop {
		c.Tables.Delete(tx, key)
	} else {
		c.Tables.Put(tx, key, effect.Table)
	}
	return nil
}

// topicEffect creates the topic of a table that is created, and deletes that of
// one that is dropped.
func (c *Catalogs) topicEffect(ctx context.Context, effect *metadata.Effect, seen *Visible) error {
	path, table := effect.Path, effect.Table
	if effect.Action == metadata.Drop {
		table, _ = seen.Table(path)
	}
	if c.topics == nil || effect.Action == metadata.Replace || !ownsTopic(path.Table, table) {
		return nil
	}
	database, err := c.database(seen.at, seen.env, path.Catalog, path.Database)
	if err == nil && effect.Action == metadata.Create {
		_, err = c.topics.CreateTopic(ctx, database, kafka.Topic{
			Name: path.Table, Partitions: max(table.GetDistribution().GetBuckets(), 1), CleanupPolicy: cleanup(table),
		})
	} else if err == nil {
		err = c.topics.DeleteTopic(ctx, database, path.Table)
	}
	if err != nil {
		return &unreachableError{path.Catalog, path.Database, err}
	}
	return nil
}

// ownsTopic is true for a table that is the topic of its name: one of another
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
