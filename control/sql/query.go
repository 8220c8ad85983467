package sql

// Query is the part of a query that Weir parses. For a UNION, it is the first part.
type Query struct {
	// Items are what SELECT lists; none for VALUES.
	Items []Item
	// Rows are the expressions of VALUES.
	Rows [][]string
	// Sources are what FROM lists, joined or not, in the order of the text.
	Sources []Source
	// Grouped is set for GROUP BY, DISTINCT, aggregate functions, and unions that
	// drop duplicates: rows may be updated after they were emitted.
	Grouped bool
	// Combined is set for UNION, INTERSECT and EXCEPT.
	Combined bool
	// Windowed is set if groups are windows of time, which are emitted once.
	Windowed bool
	// Limit is nil without LIMIT or FETCH FIRST.
	Limit *int64
}

// Item is an element of a select list.
type Item struct {
	// Star is `*`, or `alias.*` with Qualifier.
	Star      bool
	Qualifier []string
	// Column is the path of a plain column, with its table if that was named.
	Column []string
	// Name is what AS says, else the last part of Column, else empty.
	Name string
}

// Source is an element of FROM. One with neither Table nor Query is a function or
// another source that Weir does not parse.
type Source struct {
	// Table has no parts if the source is not a table.
	Table Name
	// Query is a query in parentheses or one that WITH names.
	Query *Query
	// Alias is the name in this query; empty if there is none.
	Alias string
	// Columns are new names of the columns, where the query gives them.
	Columns []string
}
