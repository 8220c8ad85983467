package statement

import (
	"context"
	"encoding/base64"
	"encoding/json"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/sql"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// maxRows is how many rows of a query a page has at most.
const maxRows = 100

// nextPageToken is the annotation of a page after which there may be more.
const nextPageToken = "nextPageToken"

func (s *service) GetStatementResult(ctx context.Context, req *cmfv1.GetStatementResultRequest) (*cmfv1.StatementResult, error) {
	env, item, err := s.find(ctx, req.GetEnvName(), req.GetStmtName())
	if err != nil {
		return nil, err
	}
	statement := item.Value().GetStatement()
	offset, err := readPageToken(req.GetPageToken(), uidOf(item.Value()))
	if err != nil {
		return nil, err
	}
	switch class := sql.Kind(item.Value().GetTraits().GetSqlKind()).Class(); {
	case class == sql.Metadata && statement.GetResult() != nil:
		return statement.GetResult(), nil
	case class == sql.Interactive && IsDeployed(item.Value()):
		return s.rowsOf(ctx, env.Value(), item, offset)
	default:
		return nil, apierror.Invalid("Statement does not return results.")
	}
}

// rowsOf is a page of the rows of a query that Flink runs.
func (s *service) rowsOf(ctx context.Context, env *cmfv1.Environment, item Item, offset int64) (*cmfv1.StatementResult, error) {
	metadata := metadataOf(item.Value())
	switch phase := phaseOf(item); phase {
	case contract.PhasePending:
		return resultPage(nil, metadata.GetUid(), &offset), nil
	case contract.PhaseRunning, contract.PhaseFailing, contract.PhaseCompleted:
	default:
		return nil, apierror.Gone("The results of statement '%s' are gone: it is %s.", metadata.GetName(), phase)
	}
	page, err := s.rows.FetchResults(ctx, env.GetKubernetesClusterName(), &agentv1.FetchResults{
		Ref:       Ref(env, item.Value()),
		OwnerUid:  metadata.GetUid(),
		Offset:    offset,
		MaxRows:   maxRows,
		Schema:    item.Value().GetTraits().GetSchema(),
		TotalRows: totalRows(item.Value()),
	})
	if err != nil {
		return nil, err
	}
	switch page.GetFailure() {
	case agentv1.ResultFailure_RESULT_FAILURE_UNSPECIFIED:
	case agentv1.ResultFailure_RESULT_FAILURE_GONE:
		return nil, apierror.Gone("%s", page.GetMessage())
	default:
		return nil, apierror.Unavailable(nil, "%s", page.GetMessage())
	}
	rows := make([]*cmfv1.JsonObject, len(page.GetRows()))
	for i, row := range page.GetRows() {
		rows[i] = &cmfv1.JsonObject{Json: row}
	}
	if page.GetFinished() {
		return resultPage(rows, metadata.GetUid(), nil), nil
	}
	next := page.GetNextOffset()
	return resultPage(rows, metadata.GetUid(), &next), nil
}

// resultPage is a page of rows. next is where the next one begins, nil where
// there is none.
func resultPage(rows []*cmfv1.JsonObject, uid string, next *int64) *cmfv1.StatementResult {
	result := newResult(rows)
	if next != nil {
		result.Metadata.Annotations = map[string]string{nextPageToken: pageToken(uid, *next)}
	}
	return result
}

// totalRows is the number of rows of a query, if it follows from the text: those of
// VALUES, one for a query that reads no table, and at most LIMIT. It is 0 if it is
// unknown or unbounded.
func totalRows(record *storev1.StatementRecord) int64 {
	parsed, err := sql.Parse(record.GetStatement().GetSpec().GetStatement())
	query, ok := parsed.(*sql.Select)
	if err != nil || !ok {
		return 0
	}
	total := int64(0)
	if record.GetTraits().GetIsBounded() {
		total = max(1, int64(len(query.Query.Rows)))
	}
	if limit := query.Query.Limit; limit != nil && (total == 0 || *limit < total) {
		total = *limit
	}
	return total
}

// position is what a page token holds. A token is good for one statement.
type position struct {
	Statement string `json:"statement"`
	Offset    int64  `json:"offset"`
}

func pageToken(uid string, offset int64) string {
	// A string and a number always have a JSON form.
	text, _ := json.Marshal(position{uid, offset})
	return base64.RawURLEncoding.EncodeToString(text)
}

// readPageToken is where a page begins; at the first row without a token.
func readPageToken(token, uid string) (int64, error) {
	if token == "" {
		return 0, nil
	}
	var at position
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil {
		err = json.Unmarshal(text, &at)
	}
	if err != nil || at.Statement != uid || at.Offset < 0 {
		return 0, apierror.Invalid("page-token: was not issued for this statement")
	}
	return at.Offset, nil
}

// newResult is a page of rows.
func newResult(rows []*cmfv1.JsonObject) *cmfv1.StatementResult {
	return &cmfv1.StatementResult{
		ApiVersion: contract.APIVersion, Kind: contract.KindStatementResult,
		Metadata: &cmfv1.StatementResultMetadata{CreationTimestamp: resource.Now()},
		Results:  &cmfv1.StatementResults{Data: rows},
	}
}
