package fleet

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// claimed makes the object that of a thing on cluster-a.
func (f *fixture) claimed(uid string) {
	f.t.Helper()
	f.putEnvironment("prod", "cluster-a")
	f.put(thing, uid)
	f.update(func(tx *store.Tx) {
		if err := f.Ownership.Claim(tx, "cluster-a", ref, things, thing, uid); err != nil {
			f.t.Error(err)
		}
	})
}

func reportOf(s *session, changes ...func(*report)) *report {
	r := &report{session: s, ref: ref, acks: map[string]*agentv1.Ack{}}
	for _, change := range changes {
		change(r)
	}
	return r
}

func withStatus(owner, status string) func(*report) {
	return func(r *report) { r.status = &agentv1.StatusReport{Ref: ref, OwnerUid: owner, Status: status} }
}

func withAck(owner string, outcome agentv1.Outcome) func(*report) {
	return func(r *report) {
		r.acks[owner] = &agentv1.Ack{Ref: ref, OwnerUid: owner, Outcome: outcome, Reason: "Forbidden"}
	}
}

func withEvents(owner string, count int) func(*report) {
	return func(r *report) {
		for i := range count {
			r.events = append(r.events, &agentv1.EventReport{Id: strconv.Itoa(i), Ref: ref, OwnerUid: owner})
		}
	}
}

func TestReportsAreStored(t *testing.T) {
	f := newFixture(t)
	f.claimed(uid)
	s := f.begin("cluster-a")
	for _, step := range []struct {
		what            string
		report          *report
		status, problem string
		writes          bool
	}{
		{"a status", reportOf(s, withStatus(uid, `{"a":1}`)), `{"a":1}`, "", true},
		{"the same again", reportOf(s, withStatus(uid, `{"a":1}`)), `{"a":1}`, "", false},
		{"that of a former owner", reportOf(s, withStatus("uid-0", `{"b":1}`)), `{"a":1}`, "", false},
		{"a problem", reportOf(s, withAck(uid, agentv1.Outcome_OUTCOME_REFUSED)), `{"a":1}`, "Forbidden", true},
		{"the outcome for a former owner", reportOf(s, withAck("uid-0", agentv1.Outcome_OUTCOME_APPLIED)), `{"a":1}`, "Forbidden", false},
		{"success", reportOf(s, withAck(uid, agentv1.Outcome_OUTCOME_APPLIED)), `{"a":1}`, "", true},
		{"success again", reportOf(s, withAck(uid, agentv1.Outcome_OUTCOME_APPLIED)), `{"a":1}`, "", false},
		{"both", reportOf(s, withAck(uid, agentv1.Outcome_OUTCOME_RETRYING), withStatus(uid, `{"a":2}`)), `{"a":2}`, "Forbidden", true},
		{"a status back to one before", reportOf(s, withStatus(uid, `{"a":1}`)), `{"a":1}`, "Forbidden", true},
	} {
		before := f.requests.Load()
		if err := f.storeReport(t.Context(), step.report); err != nil {
			t.Fatalf("%s: %v", step.what, err)
		}
		if asked := f.requests.Load() - before; asked != 0 && !step.writes || asked != 1 && step.writes {
			t.Errorf("%s: etcd got %d requests", step.what, asked)
		}
		status := f.status.In(f.view()).Get(thing).Message()
		if status.GetStatus() != step.status || status.GetProblem().GetReason() != step.problem {
			t.Errorf("%s: stored is %v", step.what, status)
		}
	}
}

func TestOnlyTheNewestSessionStores(t *testing.T) {
	f := newFixture(t)
	f.claimed(uid)
	older := f.begin("cluster-a")
	newer := f.begin("cluster-a")
	if err := wants(f.storeReport(t.Context(), reportOf(older, withStatus(uid, `{"a":1}`))), errSuperseded); err != nil {
		t.Error("the older session:", err)
	}
	if status := f.status.In(f.view()).Get(thing); status != nil {
		t.Errorf("the older session stored %v", status.Value())
	}
	if err := f.storeReport(t.Context(), reportOf(newer, withStatus(uid, `{"a":1}`))); err != nil {
		t.Error("the newer session:", err)
	}
	if _, err := f.Etcd.Revoke(t.Context(), newer.lease); err != nil {
		t.Fatal(err)
	}
	if err := wants(f.storeReport(t.Context(), reportOf(newer, withStatus(uid, `{"a":2}`))), errExpired); err != nil {
		t.Error("without its lease:", err)
	}
}

func TestADeletionEndsTheTombstoneAndWhatWentWithTheObject(t *testing.T) {
	f := newFixture(t)
	f.claimed(uid)
	s := f.begin("cluster-a")
	remove := func(owner string) string {
		f.update(func(tx *store.Tx) { f.Ownership.Remove(tx, "cluster-a", ref, owner, false) })
		return resource.TombstoneKey("cluster-a", ref, owner)
	}
	former, current := remove("uid-0"), remove(uid)
	for _, step := range []struct {
		owner            string
		former, current  bool // whether the tombstones are left
		resource, claims bool
	}{
		{"uid-0", false, true, true, true},
		{uid, false, false, false, false},
		{uid, false, false, false, false},
	} {
		if err := f.storeReport(t.Context(), reportOf(s, withAck(step.owner, agentv1.Outcome_OUTCOME_DELETED))); err != nil {
			t.Fatal(err)
		}
		at := f.view()
		got := []bool{
			f.Ownership.Tombstones.In(at).Get(former) != nil, f.Ownership.Tombstones.In(at).Get(current) != nil,
			f.things.In(at).Get(thing) != nil, f.Ownership.Claims.In(at).Get(resource.ClaimKey("cluster-a", ref)) != nil,
		}
		if want := []bool{step.former, step.current, step.resource, step.claims}; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("after the deletion for %s, there are tombstones, resource and claim: %v, want %v", step.owner, got, want)
		}
	}
}

func TestEventsAreAcknowledgedOnceStored(t *testing.T) {
	f := newFixture(t)
	f.claimed(uid)
	s := f.begin("cluster-a")
	const count = 2*maxEvents + 1
	if err := f.storeReport(t.Context(), reportOf(s, withEvents(uid, count))); err != nil {
		t.Fatal(err)
	}
	acknowledged := map[string]bool{}
	for message, _, _, more := s.out.next(); more; message, _, _, more = s.out.next() {
		acknowledged[message.GetEventAck().GetId()] = true
	}
	at := f.view()
	for i := range count {
		if id := strconv.Itoa(i); !acknowledged[id] || f.parts.In(at).Get("event-"+id) == nil {
			t.Errorf("event %s is acknowledged: %t", id, acknowledged[id])
		}
	}
	// Those of no resource are of no use, and acknowledged so that the agent does
	// not keep them.
	if err := f.storeReport(t.Context(), reportOf(s, withEvents("uid-0", 1))); err != nil {
		t.Fatal(err)
	}
	if message, _, _, _ := s.out.next(); message.GetEventAck().GetId() != "0" {
		t.Errorf("got %v", message)
	}
}

func TestWhatHelloListsAsItShouldBeCountsAsApplied(t *testing.T) {
	f := newFixture(t)
	f.claimed(uid)
	s := f.begin("cluster-a")
	if err := f.storeReport(t.Context(), reportOf(s, withAck(uid, agentv1.Outcome_OUTCOME_REFUSED))); err != nil {
		t.Fatal(err)
	}
	for _, hash := range []string{"other", ""} {
		apply, err := s.render(f.view(), sendable{things, thing})
		if err != nil {
			t.Fatal(err)
		}
		s.held[objectOf(ref)] = mark{uid, apply.GetGeneration(), hash}
		s.confirmApplied(f.view())
		_, next, confirmed := f.reports.take()
		if confirmed != (hash == apply.GetHash()) {
			t.Errorf("an object held with hash %q is confirmed: %t", hash, confirmed)
		}
		if confirmed && next.acks[uid].GetOutcome() != agentv1.Outcome_OUTCOME_APPLIED {
			t.Errorf("got %v", next.acks)
		}
	}
}
