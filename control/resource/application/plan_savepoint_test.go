package application_test

import (
	"errors"
	"math"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/openweir/weir/control/apierror"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
)

func TestStartFromSavepointInTheSpecification(t *testing.T) {
	const (
		again     = `{"job":{"startFromSavepoint":{"initialSavepointPath":"s3://sp/1","savepointRedeployNonce":8}}}`
		elsewhere = `{"job":{"startFromSavepoint":{"initialSavepointPath":"s3://sp/2","savepointRedeployNonce":7}}}`
	)
	h := begin(t, `{}`)
	first := h.write(fromPath)
	if first.Instance == nil || first.Record.GetStart().GetPath() != "s3://sp/1" || first.Record.GetStart().GetNonce() != 7 {
		t.Fatalf("the instruction makes %v", first.Record)
	}
	if plan := h.write(fromPath); plan.Changed {
		t.Errorf("the same instruction makes %v", plan.Record)
	}
	if plan := h.write(again); plan.Instance == nil || plan.Record.GetStart().GetNonce() != 8 {
		t.Errorf("another nonce makes %v", plan.Record)
	}
	if plan := h.write(elsewhere); plan.Instance == nil || plan.Record.GetStart().GetPath() != "s3://sp/2" {
		t.Errorf("another path makes %v", plan.Record)
	}
	last := h.record.GetStart()
	if plan := h.write(`{}`); plan.Instance != nil || !proto.Equal(plan.Record.GetStart(), last) {
		t.Errorf("taking the instruction out makes %v", plan.Record)
	}
}

func TestStartFromSavepointOfANewApplication(t *testing.T) {
	h := begin(t, `{"startFromSavepoint":{"initialSavepointPath":"s3://sp/1","allowNonRestoredState":true}}`)
	start := h.record.GetStart()
	if start.GetPath() != "s3://sp/1" || !start.GetAllowNonRestoredState() || start.GetNonce() == 0 || h.record.GetInstance() == "" {
		t.Errorf("the record is %v", h.record)
	}
}

func TestStartFromSavepointWaitsUntilTheApplicationRuns(t *testing.T) {
	h := begin(t, `{}`)
	const stopped = `{"job":{"state":"suspended","startFromSavepoint":{"initialSavepointPath":"s3://sp/1"}}}`
	plan := h.write(stopped)
	if plan.Instance != nil || plan.Record.GetStart().GetPath() != "s3://sp/1" {
		t.Fatalf("while suspended it makes %v", plan.Record)
	}
	start := plan.Record.GetStart()
	plan = h.write(`{"job":{"startFromSavepoint":{"initialSavepointPath":"s3://sp/1"}}}`)
	if plan.Instance == nil || !proto.Equal(plan.Record.GetStart(), start) {
		t.Errorf("started, it makes %v", plan.Record)
	}
}

// Starting without the state that was asked for would lose it.
func TestStartFromAnUnknownSavepointIsRejected(t *testing.T) {
	for _, reference := range []string{`{"uid":"u-1"}`, `{"savepointName":"u-1"}`} {
		_, err := next(environmentWith(""), nil, applicationWith(t, `{"startFromSavepoint":`+reference+`}`), nil, nil, nil)
		var refused *apierror.Error
		if !errors.As(err, &refused) || err.Error() != "spec: startFromSavepoint: savepoint 'u-1' not found" {
			t.Errorf("%s: the error is %v", reference, err)
		}
	}
}

func TestStartFromSavepointByRequest(t *testing.T) {
	h := begin(t, `{}`)
	first := h.record
	plan := h.next(first.GetApplication(), &storev1.SavepointStart{Path: "s3://sp/1"})
	if plan.Instance == nil || !plan.Changed || plan.Record.GetInstance() == first.GetInstance() {
		t.Fatalf("of a running application it makes %v", plan.Record)
	}
	nonce := plan.Record.GetStart().GetNonce()
	plan = h.next(first.GetApplication(), &storev1.SavepointStart{Path: "s3://sp/1"})
	if got := plan.Record.GetStart().GetNonce(); plan.Instance == nil || got <= nonce {
		t.Errorf("once more, its nonce is %d after %d", got, nonce)
	}
}

// An attempt that loses a race is planned again with the same start: if it kept
// the nonce of the first plan, it could be that of the winner.
func TestPlanningDoesNotChangeTheStart(t *testing.T) {
	h := begin(t, `{}`)
	start := &storev1.SavepointStart{Path: "s3://sp/1"}
	if _, err := next(h.env, h.record, h.record.GetApplication(), start, nil, nil); err != nil {
		t.Fatal(err)
	}
	if start.GetNonce() != 0 {
		t.Errorf("its nonce has become %d", start.GetNonce())
	}
}

func TestTheOperatorsNonceReplacesAnEarlierStart(t *testing.T) {
	h := begin(t, `{}`)
	h.next(h.record.GetApplication(), &storev1.SavepointStart{Path: "s3://sp/1"})
	plan := h.write(`{"job":{"initialSavepointPath":"s3://sp/2","savepointRedeployNonce":40}}`)
	if plan.Instance == nil || plan.Record.GetStart() != nil {
		t.Errorf("the start is %v", plan.Record.GetStart())
	}
	plan = h.next(plan.Record.GetApplication(), &storev1.SavepointStart{Path: "s3://sp/3"})
	if got := plan.Record.GetStart().GetNonce(); got <= 40 {
		t.Errorf("Weir's next nonce is %d", got)
	}
}

// Whatever was there before, the operator sees another nonce than the last.
func TestNoncesAlwaysDiffer(t *testing.T) {
	app := applicationWith(t, `{}`)
	nonces := rapid.OneOf(rapid.Int64Range(-2, 5), rapid.Just(int64(math.MaxInt64)))
	rapid.Check(t, func(t *rapid.T) {
		record := &storev1.ApplicationRecord{
			Generation: rapid.Int64Range(0, 5).Draw(t, "generation"),
			Start:      &storev1.SavepointStart{Path: "s3://sp/0", Nonce: nonces.Draw(t, "nonce before")},
		}
		start := &storev1.SavepointStart{Path: "s3://sp/1", Nonce: nonces.Draw(t, "nonce wanted")}
		plan, err := next(environmentWith(""), record, app, start, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := plan.Record.GetStart().GetNonce()
		if got == 0 || got == record.GetStart().GetNonce() {
			t.Fatalf("after %d it is %d", record.GetStart().GetNonce(), got)
		}
		if wanted := start.GetNonce(); wanted != 0 && wanted != record.GetStart().GetNonce() && got != wanted {
			t.Fatalf("a user's %d has become %d", wanted, got)
		}
	})
}

func TestTheSuspensionOfAnApplication(t *testing.T) {
	const (
		runs    = `{"job":{"upgradeMode":"savepoint"},"flinkConfiguration":{"execution.checkpointing.dir":"s3://c","execution.checkpointing.savepoint-dir":"s3://s"}}`
		stopped = `{"job":{"upgradeMode":"savepoint","state":"suspended"},"flinkConfiguration":{"execution.checkpointing.dir":"s3://c","execution.checkpointing.savepoint-dir":"s3://s"}}`
		changed = `{"job":{"upgradeMode":"savepoint","parallelism":5},"flinkConfiguration":{"execution.checkpointing.dir":"s3://c","execution.checkpointing.savepoint-dir":"s3://s"}}`
	)
	// suspendedWith is an application that was suspended with a savepoint.
	suspendedWith := func() *history {
		h := begin(t, runs)
		h.write(stopped)
		h.record.Suspension.Savepoint = "s3://s/1"
		return h
	}
	for name, test := range map[string]struct {
		plan func() *storev1.ApplicationRecord
		want *storev1.Suspension // where Instance is not empty, it is the current one
	}{
		"created":             {func() *storev1.ApplicationRecord { return begin(t, runs).record }, nil},
		"created suspended":   {func() *storev1.ApplicationRecord { return begin(t, stopped).record }, nil},
		"suspended":           {func() *storev1.ApplicationRecord { h := begin(t, runs); return h.write(stopped).Record }, &storev1.Suspension{Generation: 2}},
		"suspended again":     {func() *storev1.ApplicationRecord { h := suspendedWith(); h.write(runs); return h.write(stopped).Record }, &storev1.Suspension{Generation: 4}},
		"started":             {func() *storev1.ApplicationRecord { return suspendedWith().write(runs).Record }, &storev1.Suspension{Generation: 2, Savepoint: "s3://s/1", Instance: "current"}},
		"started and changed": {func() *storev1.ApplicationRecord { return suspendedWith().write(changed).Record }, &storev1.Suspension{Generation: 2, Savepoint: "s3://s/1", Instance: "current"}},
		"changed after that":  {func() *storev1.ApplicationRecord { h := suspendedWith(); h.write(runs); return h.write(changed).Record }, nil},
		"started without state": {func() *storev1.ApplicationRecord {
			return suspendedWith().write(`{"job":{"upgradeMode":"stateless"}}`).Record
		}, nil},
		"started from another savepoint": {func() *storev1.ApplicationRecord {
			h := suspendedWith()
			return h.next(applicationWith(t, runs), &storev1.SavepointStart{Path: "s3://s/0"}).Record
		}, nil},
		"started by the operator's nonce": {func() *storev1.ApplicationRecord {
			return suspendedWith().write(`{"job":{"initialSavepointPath":"s3://s/0","savepointRedeployNonce":3}}`).Record
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			record := test.plan()
			if test.want.GetInstance() != "" {
				test.want.Instance = record.GetInstance()
			}
			if !proto.Equal(record.GetSuspension(), test.want) {
				t.Errorf("the suspension is %v; want %v", record.GetSuspension(), test.want)
			}
		})
	}
}
