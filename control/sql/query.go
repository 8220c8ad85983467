package sql

// Query is what Weir knows of a query. Of a UNION, it is the first part.
type Query struct {
	// Items are what SELECT lists; none for VALUES.
	Items []Item
	// Rows are the expressions of VALUES.
	Rows [][]string
	// Sources are what FROM lists, joined or not, in the order of the text.
	Sources []Source
	// Grouped tells of GROUP BY, DISTINCT, aggregate functions, and of unions
	// that drop duplicates: rows may change after they came out.
	Grouped bool
	// Combined tells of UNION, INTERSECT and EXCEPT.
	Combined bool
	// Windowed tells that groups are windows of time, which come out once.
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
	// Expression is the text, without the name that it gets.
	Expression string
	// Name is what AS says, else the last part of Column, else empty.
	Name string
}

// Source is an element of FROM. One with neither Table nor Query is a function
// or something else that Weir does not look into.
type Source struct {
	// Table has no parts where the source is no table.
	Table Name
	// Query is a query in parentheses or one that WITH names.
	Query *Query
	// Alias is the name in this query; empty where there is none.
	Alias string
	// Columns are new names of the columns, where the query gives them.
	Columns []string
}
