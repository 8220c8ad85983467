package sql

import (
	"fmt"
	"strings"
)

// UnsupportedError is the error for a statement of SQL that Weir does not run.
type UnsupportedError struct {
	// Statement is how such statements begin: CREATE VIEW.
	Statement string
	// Reason says why not, or what to do instead.
	Reason string
}

// Error names the statement and the reason.
func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("%s is not supported: %s", e.Statement, e.Reason)
}

// Reasons that several statements share.
const (
	noCatalogDDL = "catalogs and databases are managed as resources through the REST API."
	noObjects    = "Weir's catalogs hold tables only."
	noMutation   = "tables are Kafka topics, which are append-only."
	noPlans      = "query plans are not available."
	noSession    = "each statement runs in its own session, which temporary objects do not outlive."
	noModules    = "modules are part of the image of the compute pool."
	noJobs       = "jobs are managed as statements and applications through the REST API."
	noPartitions = "Weir's catalogs do not store table partitions."
	noShell      = "it is a command of the SQL client."
)

// refusal is the reason why statements with such a beginning are refused.
// Longer beginnings come first where one begins with another.
type refusal struct {
	beginning string
	reason    string
}

var refusals = []refusal{
	{"USE", "set the properties sql.current-catalog and sql.current-database of the statement."},
	{"SET", "set the properties and the Flink configuration of the statement."},
	{"RESET", "omit the property or the Flink configuration from the statement."},
	{"CREATE TEMPORARY", noSession},
	{"CREATE OR REPLACE TABLE", "drop the table first."},
	{"CREATE OR ALTER", noObjects},
	{"CREATE VIEW", noObjects},
	{"CREATE OR REPLACE VIEW", noObjects},
	{"CREATE MATERIALIZED TABLE", noObjects},
	{"CREATE FUNCTION", noObjects},
	{"CREATE MODEL", noObjects},
	{"CREATE CONNECTION", noObjects},
	{"CREATE CATALOG", noCatalogDDL},
	{"CREATE DATABASE", noCatalogDDL},
	{"ALTER VIEW", noObjects},
	{"ALTER MATERIALIZED TABLE", noObjects},
	{"ALTER FUNCTION", noObjects},
	{"ALTER MODEL", noObjects},
	{"ALTER CATALOG", noCatalogDDL},
	{"ALTER DATABASE", noCatalogDDL},
	{"DROP TEMPORARY", noSession},
	{"DROP VIEW", noObjects},
	{"DROP MATERIALIZED TABLE", noObjects},
	{"DROP FUNCTION", noObjects},
	{"DROP MODEL", noObjects},
	{"DROP CATALOG", noCatalogDDL},
	{"DROP DATABASE", noCatalogDDL},
	{"EXPLAIN", noPlans},
	{"COMPILE", noPlans},
	{"EXECUTE PLAN", noPlans},
	{"EXECUTE", "submit the query or INSERT without EXECUTE; EXECUTE STATEMENT SET is supported."},
	{"BEGIN STATEMENT SET", "use EXECUTE STATEMENT SET BEGIN ... END."},
	{"ANALYZE", "Weir's catalogs keep no statistics."},
	{"CALL", "Weir's catalogs have no procedures."},
	{"DELETE", noMutation},
	{"UPDATE", noMutation},
	{"MERGE", noMutation},
	{"UPSERT", noMutation},
	{"TRUNCATE", noMutation},
	{"LOAD", noModules},
	{"UNLOAD", noModules},
	{"ADD JAR", "add the JAR to the image of the compute pool."},
	{"REMOVE JAR", "JARs are part of the image of the compute pool."},
	{"STOP JOB", noJobs},
	{"HELP", noShell},
	{"QUIT", noShell},
	{"EXIT", noShell},
	{"CLEAR", noShell},
	{"SOURCE", noShell},
}

var showRefusals = []refusal{
	{"CREATE VIEW", noObjects},
	{"CREATE MATERIALIZED TABLE", noObjects},
	{"CREATE MODEL", noObjects},
	{"CREATE FUNCTION", noObjects},
	{"CREATE CATALOG", noCatalogDDL},
	{"CREATE DATABASE", noCatalogDDL},
	{"FUNCTIONS", noObjects},
	{"USER FUNCTIONS", noObjects},
	{"VIEWS", noObjects},
	{"MATERIALIZED TABLES", noObjects},
	{"MODELS", noObjects},
	{"CONNECTIONS", noObjects},
	{"PROCEDURES", "Weir's catalogs have no procedures."},
	{"PARTITIONS", noPartitions},
	{"MODULES", noModules},
	{"FULL MODULES", noModules},
	{"JARS", "JARs are part of the image of the compute pool."},
	{"JOBS", noJobs},
	{"JOB", noJobs},
}

var alterRefusals = []refusal{
	{"ADD PARTITION", noPartitions},
	{"ADD IF NOT EXISTS PARTITION", noPartitions},
	{"DROP PARTITION", noPartitions},
	{"DROP IF EXISTS PARTITION", noPartitions},
	{"RENAME TO", "the table is a Kafka topic, which cannot be renamed."},
	{"PARTITION", noPartitions},
	{"COMPACT", "the table is a Kafka topic, which the brokers compact."},
}

var describeRefusals = []refusal{
	{"CATALOG", noCatalogDDL},
	{"DATABASE", noCatalogDDL},
	{"FUNCTION", noObjects},
	{"MODEL", noObjects},
	{"CONNECTION", noObjects},
	{"JOB", noJobs},
}

// refuse returns the error of the refusal that fits the next words, if any. The
// words before them, such as SHOW, are the beginning of the statement.
func (p *parser) refuse(before string, table []refusal) error {
	for _, refused := range table {
		if p.Is(strings.Fields(refused.beginning)...) {
			statement := strings.TrimSpace(before + " " + refused.beginning)
			return &UnsupportedError{Statement: statement, Reason: refused.reason}
		}
	}
	return nil
}
