// Package ddl writes the statements that set up a Flink session before a statement
// runs in it: the catalogs and databases that the statement names, as in-memory
// catalogs, and its tables with their connectors.
package ddl

import (
	"slices"
	"strings"

	"github.com/openweir/weir/control/sql/metadata"
	"github.com/openweir/weir/control/sql/token"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
)

// builtin is the catalog that every session of Flink begins with, and that
// cannot be created.
const builtin = "default_catalog"

// Connection is how a database is reached. Either part is the public
// configuration with the secret of the environment laid over.
type Connection struct {
	// Kafka has properties of a Kafka client.
	Kafka map[string]string
	// Registry has options of a client of the schema registry, from
	// schema.registry.url on.
	Registry map[string]string
}

// Connect tells how a database is reached.
type Connect func(catalog, database string) Connection

// Setup returns the statements that declare tables and make the current catalog
// and database what the session says, if it says so. They are to be run in
// order, in a session in which nothing else was.
func Setup(current metadata.Session, tables []*storev1.StatementTable, connect Connect) []string {
	var out []string
	for _, catalog := range catalogsOf(current, tables) {
		out = append(out, createCatalog(catalog)...)
	}
	for _, table := range tables {
		out = append(out, createTable(table, connect))
	}
	if current.Catalog != "" {
		out = append(out, "USE CATALOG "+token.QuoteIdentifier(current.Catalog))
		if current.Database != "" {
			out = append(out, "USE "+token.QuoteIdentifier(current.Database))
		}
	}
	return out
}

// catalog is a catalog with those of its databases that are needed.
type catalog struct {
	name      string
	databases []string
}

// catalogsOf are the catalogs and databases that are named, in order.
func catalogsOf(current metadata.Session, tables []*storev1.StatementTable) []catalog {
	databases := map[string][]string{}
	add := func(catalog, database string) {
		all := databases[catalog]
		if database != "" && !slices.Contains(all, database) {
			all = append(all, database)
		}
		databases[catalog] = all
	}
	if current.Catalog != "" {
		add(current.Catalog, current.Database)
	}
	for _, table := range tables {
		add(table.GetCatalog(), table.GetDatabase())
	}
	out := make([]catalog, 0, len(databases))
	for name, names := range databases {
		slices.Sort(names)
		out = append(out, catalog{name, names})
	}
	slices.SortFunc(out, func(a, b catalog) int { return strings.Compare(a.name, b.name) })
	return out
}

// createCatalog declares a catalog and its databases. Flink always creates a
// default database, so the first database is made the default.
func createCatalog(c catalog) []string {
	var out []string
	if c.name != builtin {
		options := "'type' = 'generic_in_memory'"
		if len(c.databases) > 0 {
			options += ", 'default-database' = " + token.QuoteString(c.databases[0])
		}
		out = append(out, "CREATE CATALOG "+token.QuoteIdentifier(c.name)+" WITH ("+options+")")
	}
	for _, database := range c.databases {
		out = append(out, "CREATE DATABASE IF NOT EXISTS "+token.QuoteParts(c.name, database))
	}
	return out
}

// Script is a text of the setup and the statement, as Flink's SqlDriver takes
// it.
func Script(setup []string, statement string) string {
	return strings.Join(append(slices.Clip(setup), Statement(statement)), ";\n\n") + ";\n"
}

// Statement is the text of a statement without what may follow it: semicolons
// and comments, after which a semicolon could be part of the comment.
func Statement(text string) string {
	tokens, err := token.Scan(text)
	if err != nil {
		return text
	}
	end := 0
	for _, t := range tokens {
		if t.Kind != token.End && !t.IsSymbol(";") {
			end = t.End
		}
	}
	return text[:end]
}
