package driver

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// marked makes an object with uid "uid" and marks; without any for the zero
// value.
func marked(m marks) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{}}
	o.SetUID("uid")
	if m != (marks{}) {
		m.stamp(o, "")
	}
	return o
}

func terminatingObject(o *unstructured.Unstructured) *unstructured.Unstructured {
	o.SetDeletionTimestamp(&metav1.Time{Time: time.Now()})
	return o
}

func TestDecide(t *testing.T) {
	w := &revision{marks: marks{owner: "u1", generation: 5, hash: "h5"}, manifest: "{}"}
	before := &revision{marks: marks{owner: "u1", generation: 4, hash: "h4"}, manifest: "{}"}
	mine := marks{installation: installation, owner: "u1", generation: 5, hash: "h5", epoch: 3}
	older := marks{owner: "u1", generation: 4, hash: "h4", epoch: 3}
	newer := marks{owner: "u1", generation: 6, hash: "h6", epoch: 3}
	theirs := marks{owner: "u0", generation: 9, hash: "h9", epoch: 3}
	future := marks{owner: "u1", generation: 5, hash: "h5", epoch: 4}
	elsewhere := marks{installation: "other", owner: "u1", generation: 5, hash: "h5", epoch: 9}
	unmarked := mine
	unmarked.installation = ""

	tests := map[string]struct {
		live  *unstructured.Unstructured
		known snapshot
		epoch int64
		want  action
	}{
		"nothing is there":                               {nil, snapshot{}, 3, create},
		"it has the desired revision":                    {marked(mine), snapshot{}, 3, keep},
		"it is of an older manifest":                     {marked(older), snapshot{}, 3, update},
		"it bears a newer generation":                    {marked(newer), snapshot{}, 3, skip},
		"it belongs to another owner":                    {marked(theirs), snapshot{}, 3, takeOver},
		"it is not Weir's":                               {marked(marks{}), snapshot{}, 3, refuse},
		"it is terminating":                              {terminatingObject(marked(mine)), snapshot{}, 3, terminating},
		"another owner's is terminating":                 {terminatingObject(marked(theirs)), snapshot{}, 3, terminating},
		"a newer session has applied it":                 {marked(future), snapshot{}, 3, fenced},
		"it belongs to another installation":             {marked(elsewhere), snapshot{}, 3, foreign},
		"another installation has taken it over":         {marked(elsewhere), snapshot{revision: w, uid: "uid"}, 3, foreign},
		"its installation is not marked":                 {marked(unmarked), snapshot{}, 3, keep},
		"its marks are removed":                          {marked(marks{}), snapshot{revision: w, uid: "uid"}, 3, keep},
		"its marks are removed, and the revision is new": {marked(marks{}), snapshot{revision: before, uid: "uid"}, 3, update},
		"removed marks of another object of that name":   {marked(marks{}), snapshot{revision: w, uid: "another"}, 3, refuse},
		"its owner's mark was changed":                   {marked(theirs), snapshot{revision: w, uid: "uid"}, 3, keep},
		"its hash was changed":                           {marked(older), snapshot{revision: w, uid: "uid"}, 3, keep},
		"another object of the name is of the owner":     {marked(older), snapshot{revision: w, uid: "another"}, 3, update},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := decide(w, test.live, test.known, installation, test.epoch); got != test.want {
				t.Errorf("the action is %d; want %d", got, test.want)
			}
		})
	}
	t.Run("an object to adopt", func(t *testing.T) {
		adopting := &revision{marks: w.marks, manifest: w.manifest, adopt: &agentv1.Adopt{ObjectUid: "uid"}}
		ofNewerSession := theirs
		ofNewerSession.installation, ofNewerSession.epoch = installation, 4
		elsewhere := elsewhere
		elsewhere.owner = "u0"
		for name, test := range map[string]struct {
			live  *unstructured.Unstructured
			known snapshot
			want  action
		}{
			"it has no marks":                       {marked(marks{}), snapshot{}, adopt},
			"it belongs to another owner":           {marked(theirs), snapshot{}, adopt},
			"it belongs to another installation":    {marked(elsewhere), snapshot{}, adopt},
			"a newer session has applied it":        {marked(ofNewerSession), snapshot{}, fenced},
			"it was adopted, and taken away since":  {marked(elsewhere), snapshot{revision: adopting, uid: "uid"}, foreign},
			"it was adopted":                        {marked(mine), snapshot{revision: adopting, uid: "uid"}, keep},
			"it is terminating":                     {terminatingObject(marked(theirs)), snapshot{}, terminating},
			"it was applied by an earlier revision": {marked(elsewhere), snapshot{revision: before, uid: "uid"}, adopt},
		} {
			if got := decide(adopting, test.live, test.known, installation, 3); got != test.want {
				t.Errorf("%s: the action is %d; want %d", name, got, test.want)
			}
		}
	})
	t.Run("a hash that says nothing proves nothing", func(t *testing.T) {
		bare := &revision{marks: marks{owner: "u1", generation: 5}, manifest: "{}"}
		if got := decide(bare, marked(marks{owner: "u1", generation: 5, epoch: 3}), snapshot{}, installation, 3); got != update {
			t.Errorf("the action is %d; want %d", got, update)
		}
	})
}

func TestDecideRemoval(t *testing.T) {
	mine := marks{owner: "u1", generation: 5, hash: "h5", epoch: 3}
	theirs := marks{owner: "u2", generation: 1, hash: "h", epoch: 3}
	known := snapshot{revision: &revision{marks: mine}, uid: "uid"}
	future := mine
	future.epoch = 4
	tests := map[string]struct {
		live  *unstructured.Unstructured
		known snapshot
		want  action
	}{
		"nothing is there":               {nil, known, removed},
		"it is there":                    {marked(mine), snapshot{}, remove},
		"it is terminating":              {terminatingObject(marked(mine)), snapshot{}, terminating},
		"it belongs to another owner":    {marked(theirs), snapshot{}, removed},
		"it is not Weir's":               {marked(marks{}), snapshot{}, removed},
		"its marks are removed":          {marked(marks{}), known, remove},
		"a newer session has applied it": {marked(future), snapshot{}, fenced},
		"another installation's":         {marked(marks{installation: "other", owner: "u1", epoch: 3}), known, removed},
		"another's is terminating too":   {terminatingObject(marked(theirs)), snapshot{}, removed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := decideRemoval("u1", test.live, test.known, installation, 3); got != test.want {
				t.Errorf("the action is %d; want %d", got, test.want)
			}
		})
	}
}
