package resource_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/store/storetest"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/internal/await"
)

func equal(t testing.TB, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// brief cuts what follows the state off.
func brief(lines []string) []string {
	out := slices.Clone(lines)
	for i, l := range out {
		if _, after, ok := strings.Cut(l, `"state":"`); ok {
			state, _, _ := strings.Cut(after, `"`)
			out[i] = l[:strings.IndexByte(l, '{')] + state
		}
	}
	return out
}

func TestAWatchReturnsTheListAndThenItsChanges(t *testing.T) {
	r := startReplica(t, storetest.Etcd(t))
	r.putEnvironment(t, "prod")
	r.commit(t, r.putApplication("alpha", "1"), r.putApplication("beta", "1"), r.putStatus("beta", "RUNNING", 1))
	w := r.watch(t, "", "")
	lines, versions := next(t, w, 3)
	equal(t, "list", []string{"ADDED alpha v1 RECONCILING", "ADDED beta v1 RUNNING", "SYNCED"}, brief(lines))
	equal(t, "versions of the list", []string{"", ""}, versions[:2])

	revisions := []int64{
		r.commit(t, r.putStatus("alpha", "RUNNING", 2)),
		r.commit(t, r.putApplication("beta", "2")),
	}
	// Invisible: of another environment, and a status whose application is of
	// another uid.
	r.commit(t, r.removeApplication("test", "gamma"))
	r.commit(t, r.putStatus("gamma", "RUNNING", 3))
	revisions = append(revisions, r.commit(t, r.removeApplication("prod", "beta")))
	lines, versions = next(t, w, 3)
	equal(t, "changes", []string{"MODIFIED alpha v1 RUNNING", "MODIFIED beta v2 RUNNING", "DELETED beta v2 RUNNING"}, brief(lines))
	for i, revision := range revisions {
		equal(t, "version", fmt.Sprint(revision), versions[i])
	}
}

// A resumed watch shows each resource as it was, though it is gone meanwhile.
func TestAWatchResumesFromEachOfItsVersions(t *testing.T) {
	etcd := storetest.Etcd(t)
	r, other := startReplica(t, etcd), startReplica(t, etcd)
	r.putEnvironment(t, "prod")
	w := r.watch(t, "", "")
	_, synced := next(t, w, 1)
	r.commit(t, r.putApplication("alpha", "1"), r.putApplication("beta", "1"), r.putApplication("gamma", "1"))
	r.commit(t, r.putStatus("beta", "RUNNING", 1))
	r.commit(t, r.removeApplication("prod", "beta"))
	lines, versions := next(t, w, 5)
	equal(t, "all", []string{
		"ADDED alpha v1 RECONCILING", "ADDED beta v1 RECONCILING", "ADDED gamma v1 RECONCILING",
		"MODIFIED beta v1 RUNNING", "DELETED beta v1 RUNNING",
	}, brief(lines))
	if slices.Sort(versions); len(slices.Compact(slices.Clone(versions))) != len(versions) {
		t.Errorf("versions %v are not all different", versions)
	}
	_, versions = next(t, r.watch(t, synced[0], ""), 6) // in order
	for i, from := range versions {
		for _, on := range []*replica{r, other} {
			got, at := next(t, on.watch(t, from, ""), 1+len(lines)-i)
			equal(t, "the first is a bookmark", "BOOKMARK", got[0])
			equal(t, "of the same version", from, at[0])
			equal(t, "rest from "+from, lines[i:], got[1:])
		}
	}
}

func TestResourcesThatBeginOrCeaseToMatchTheFilter(t *testing.T) {
	r := startReplica(t, storetest.Etcd(t))
	r.putEnvironment(t, "prod")
	r.commit(t, r.putApplication("alpha", "1"))
	w := r.watch(t, "", "state=RUNNING")
	_, versions := next(t, w, 1)
	for second, state := range []string{"CREATED", "RUNNING", "RUNNING", "FAILED", "SUSPENDED", "RUNNING"} {
		r.commit(t, r.putStatus("alpha", state, int64(second+1)))
	}
	r.commit(t, r.removeApplication("prod", "alpha"))
	want := []string{"ADDED RUNNING", "MODIFIED RUNNING", "DELETED RUNNING", "ADDED RUNNING", "DELETED RUNNING"}
	pass := func(w watched) []string {
		lines, _ := next(t, w, len(want))
		lines = brief(lines)
		for i := range lines {
			lines[i] = strings.Replace(lines[i], " alpha v1", "", 1)
		}
		return lines
	}
	equal(t, "as it happens", want, pass(w))
	resumed := r.watch(t, versions[0], "state=RUNNING")
	next(t, resumed, 1)
	equal(t, "afterwards", want, pass(resumed))
}

func code(t testing.TB, err error) (codes.Code, int32) {
	t.Helper()
	for _, detail := range status.Convert(err).Details() {
		if http, ok := detail.(*cmfv1.HttpStatus); ok {
			return status.Code(err), http.GetCode()
		}
	}
	return status.Code(err), 0
}

func TestVersionsThatCannotBeResumed(t *testing.T) {
	etcd := storetest.Etcd(t)
	r := startReplica(t, etcd, store.WithHistory(4, 1<<20))
	r.putEnvironment(t, "prod")
	old := r.commit(t, r.putApplication("alpha", "1"))
	for i := range 6 {
		r.commit(t, r.putApplication("alpha", fmt.Sprint(i+2)))
	}
	late := startReplica(t, etcd) // knows nothing from before it began
	for name, test := range map[string]struct {
		on      *replica
		version string
		code    codes.Code
		http    int32
	}{
		"no longer in the history":         {r, fmt.Sprint(old), codes.OutOfRange, 410},
		"before the replica began":         {late, fmt.Sprint(old), codes.OutOfRange, 410},
		"in the future":                    {r, "999999999", codes.OutOfRange, 410},
		"within a future revision":         {r, "999999999.2", codes.OutOfRange, 410},
		"not a number":                     {r, "latest", codes.InvalidArgument, 0},
		"not a number within the revision": {r, "12.x", codes.InvalidArgument, 0},
		"none":                             {r, "0", codes.InvalidArgument, 0},
		"negative":                         {r, "-1", codes.InvalidArgument, 0},
		"within the first":                 {r, "1.1", codes.InvalidArgument, 0},
		"another spelling":                 {r, "012", codes.InvalidArgument, 0},
		"another spelling of a part":       {r, "12.0", codes.InvalidArgument, 0},
		"too large":                        {r, "99999999999999999999", codes.InvalidArgument, 0},
	} {
		_, err := test.on.watch(t, test.version, "").Recv()
		got, http := code(t, err)
		if got != test.code || http != test.http {
			t.Errorf("%s: %s %d: %v, want %s %d", name, got, http, err, test.code, test.http)
		}
	}
	if _, err := rest(r.watch(t, "", "colour=red")); status.Code(err) != codes.InvalidArgument {
		t.Errorf("a filter that cannot be ends with %v", err)
	}
	none, err := cmfv1.NewApplicationServiceClient(r.conn).WatchApplications(t.Context(), &cmfv1.WatchApplicationsRequest{EnvName: "nowhere"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rest(none); status.Code(err) != codes.NotFound {
		t.Errorf("an environment that is not there ends with %v", err)
	}
}

func TestASlowReaderIsDisconnectedAndResumes(t *testing.T) {
	etcd := storetest.Etcd(t)
	r, other := startReplica(t, etcd), startReplica(t, etcd)
	r.watches.Stall = 50 * time.Millisecond
	r.putEnvironment(t, "prod")
	w := r.watch(t, "", "")
	next(t, w, 1)
	const count = 40
	large := strings.Repeat("x", 60<<10) // several times what fits into the window
	for i := range count {
		r.commit(t, r.putApplication(fmt.Sprintf("app-%02d", i), large))
	}
	await.Receive(t, "the end of the watch of a reader that reads nothing", r.ended)
	received, err := rest(w)
	if status.Code(err) != codes.Aborted {
		t.Errorf("ended with %v, want ABORTED", err)
	}
	if len(received) == 0 || len(received) >= count {
		t.Fatalf("%d events were received before the cut", len(received))
	}
	resumed := other.watch(t, received[len(received)-1].GetResourceVersion(), "")
	next(t, resumed, 1)
	for i := len(received); i < count; i++ {
		response, err := resumed.Recv()
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "next", fmt.Sprintf("app-%02d", i), response.GetObject().GetMetadata().GetName())
	}
}

func TestAnIdleWatchSendsBookmarks(t *testing.T) {
	r := startReplica(t, storetest.Etcd(t))
	r.watches.Bookmarks = 10 * time.Millisecond
	r.putEnvironment(t, "prod")
	w := r.watch(t, "", "")
	next(t, w, 1)
	elsewhere := fmt.Sprint(r.commit(t, r.removeApplication("test", "alpha"), r.putApplication("alpha", "1")))
	await.Until(t, "bookmarks have come to "+elsewhere, func() bool {
		_, versions := next(t, w, 1)
		return versions[0] == elsewhere
	})
	lines, versions := next(t, w, 3)
	equal(t, "idle", []string{"BOOKMARK", "BOOKMARK", "BOOKMARK"}, lines)
	resumed := r.watch(t, versions[2], "")
	r.commit(t, r.putApplication("alpha", "2"))
	for {
		if lines, _ := next(t, resumed, 1); lines[0] != "BOOKMARK" {
			equal(t, "after the bookmark", []string{"MODIFIED alpha v2 RECONCILING"}, brief(lines))
			break
		}
	}
}

func TestWatchesEndWithTheirReplica(t *testing.T) {
	r := startReplica(t, storetest.Etcd(t))
	r.putEnvironment(t, "prod")
	w := r.watch(t, "", "")
	next(t, w, 1)
	r.watches.End()
	if _, err := rest(w); status.Code(err) != codes.Unavailable {
		t.Errorf("ended with %v, want UNAVAILABLE", err)
	}
	r.watches.End()
}
