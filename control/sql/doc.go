// Package sql parses statements of Flink SQL. It parses metadata statements and the
// DDL of tables completely, and queries only as far as Weir needs: which tables they
// read, and which plain columns they select. Queries are validated by Flink.
//
// docs/sql.md describes it for users; package metadata answers what does not
// need Flink.
package sql
