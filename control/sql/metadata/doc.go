// Package metadata runs the statements that need Weir's own catalogs only: SHOW,
// DESCRIBE and the DDL of tables. It has no effects: what DDL changes is
// returned, for others to write down.
package metadata
