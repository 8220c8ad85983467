// Package metadata runs the statements that need Weir's own catalogs only: SHOW,
// DESCRIBE and the DDL of tables. It has no effects: the changes of DDL are
// returned to the caller.
package metadata
