// Package sql tells what a statement of Flink SQL is before anything runs it.
// It reads metadata statements and the DDL of tables whole, and queries only as
// far as Weir needs to know them: which tables they read, which columns come
// out. Whether a query is right is for Flink to judge.
//
// docs/sql.md describes it for users; package metadata answers what does not
// need Flink.
package sql
