package service

import (
	"context"

	"github.com/openweir/weir/control/fault"
	"github.com/openweir/weir/control/rules"
	"github.com/openweir/weir/control/sql"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func (s *statements) GetStatementResult(ctx context.Context, req *cmfv1.GetStatementResultRequest) (*cmfv1.StatementResult, error) {
	_, record, err := s.statement(ctx, req.GetEnvName(), req.GetStmtName())
	if err != nil {
		return nil, err
	}
	switch class := sql.Kind(record.Value.GetTraits().GetSqlKind()).Class(); {
	case class == sql.Metadata && record.Value.GetStatement().GetResult() != nil:
		if req.GetPageToken() != "" {
			return nil, fault.Invalid("page-token: is none that this statement gave: it has one page of results")
		}
		return record.Value.GetStatement().GetResult(), nil
	case class == sql.Interactive && rules.Deployed(record.Value):
		return nil, fault.Unavailable(nil, "Rows of queries cannot be fetched yet: this release runs no interactive statements on Flink.")
	default:
		return nil, fault.Invalid("Statement does not return results.")
	}
}
