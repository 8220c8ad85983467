package metadata

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/sql"
	"github.com/openweir/weir/control/sql/logical"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
)

func (e executor) create(s *sql.CreateTable) (*Result, *Effect, error) {
	path, err := e.table(s.Table)
	if err != nil {
		return nil, nil, err
	}
	if err := e.checkDDL(path); err != nil {
		return nil, nil, err
	}
	if _, exists := e.catalogs.Table(path); exists {
		if s.IfNotExists {
			return done(s.Kind(), fmt.Sprintf("Table %s already exists.", path)), nil, nil
		}
		return nil, nil, errorf("Table %s already exists.", path)
	}
	if err := checkTopic(path.Table); err != nil {
		return nil, nil, err
	}
	table, err := newTable(s)
	if err != nil {
		return nil, nil, err
	}
	return done(s.Kind(), fmt.Sprintf("Table %s was created.", path)), &Effect{Create, path, table}, nil
}

func (e executor) alter(s *sql.AlterTable) (*Result, *Effect, error) {
	path, err := e.table(s.Table)
	if err != nil {
		return nil, nil, err
	}
	if err := e.checkDDL(path); err != nil {
		return nil, nil, err
	}
	table, exists := e.catalogs.Table(path)
	if !exists {
		return e.missing(s.Kind(), path, s.IfExists)
	}
	table = proto.CloneOf(table)
	if err := change(table, s.Change); err != nil {
		return nil, nil, err
	}
	if err := check(table); err != nil {
		return nil, nil, err
	}
	return done(s.Kind(), fmt.Sprintf("Table %s was altered.", path)), &Effect{Replace, path, table}, nil
}

func (e executor) drop(s *sql.DropTable) (*Result, *Effect, error) {
	path, err := e.table(s.Table)
	if err != nil {
		return nil, nil, err
	}
	if err := e.checkDDL(path); err != nil {
		return nil, nil, err
	}
	if _, exists := e.catalogs.Table(path); !exists {
		return e.missing(s.Kind(), path, s.IfExists)
	}
	return done(s.Kind(), fmt.Sprintf("Table %s was dropped.", path)), &Effect{Action: Drop, Path: path}, nil
}

// missing is the result of DDL for a table that does not exist.
func (e executor) missing(kind sql.Kind, path Path, ifExists bool) (*Result, *Effect, error) {
	if !ifExists {
		return nil, nil, errorf("Table %s does not exist.", path)
	}
	return done(kind, fmt.Sprintf("Table %s does not exist.", path)), nil, nil
}

func (e executor) checkDDL(path Path) error {
	if !e.catalogs.AllowsDDL(path.Catalog, path.Database) {
		return errorf("Tables of %s cannot be created, altered or dropped from this environment: the database does not list it in spec.ddlEnvironments.",
			quotePath(path.Catalog, path.Database))
	}
	return nil
}

func newTable(s *sql.CreateTable) (*storev1.TableRecord, error) {
	table := &storev1.TableRecord{
		Comment:       s.Comment,
		Distribution:  distributionOf(s.Distribution),
		PartitionKeys: s.PartitionBy,
		Options:       s.Options,
		PrimaryKey:    primaryKeyOf(s.Schema.PrimaryKey),
		Watermark:     watermarkOf(s.Schema.Watermark),
	}
	seen := map[string]bool{}
	for _, c := range s.Schema.Columns {
		if seen[c.Name] {
			return nil, errorf("Column %s is defined more than once.", quotePath(c.Name))
		}
		seen[c.Name] = true
		table.Columns = append(table.Columns, columnOf(c))
	}
	return table, check(table)
}

func columnOf(c sql.Column) *storev1.TableColumn {
	column := &storev1.TableColumn{
		Name:        c.Name,
		Kind:        storev1.TableColumn_KIND_PHYSICAL,
		Expression:  c.Expression,
		MetadataKey: c.MetadataKey,
		Virtual:     c.Virtual,
		Comment:     c.Comment,
	}
	switch c.Kind {
	case sql.Computed:
		column.Kind = storev1.TableColumn_KIND_COMPUTED
		return column
	case sql.FromMetadata:
		column.Kind = storev1.TableColumn_KIND_METADATA
	}
	column.Type = logical.FormatNullable(c.Type)
	column.NotNull = !c.Type.GetNullable()
	return column
}

func primaryKeyOf(key *sql.PrimaryKey) *storev1.TablePrimaryKey {
	if key == nil {
		return nil
	}
	return &storev1.TablePrimaryKey{Name: key.Name, Columns: key.Columns}
}

func watermarkOf(watermark *sql.Watermark) *storev1.TableWatermark {
	if watermark == nil {
		return nil
	}
	return &storev1.TableWatermark{Column: watermark.Column, Expression: watermark.Expression}
}

func distributionOf(distribution *sql.Distribution) *storev1.TableDistribution {
	if distribution == nil {
		return nil
	}
	return &storev1.TableDistribution{
		Algorithm: distribution.Algorithm, Columns: distribution.Columns, Buckets: distribution.Buckets,
	}
}

// findColumn returns the index of a column, or -1.
func findColumn(table *storev1.TableRecord, name string) int {
	return slices.IndexFunc(table.GetColumns(), func(c *storev1.TableColumn) bool { return c.GetName() == name })
}
