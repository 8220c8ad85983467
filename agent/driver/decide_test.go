package driver

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
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

func leaving(o *unstructured.Unstructured) *unstructured.Unstructured {
	o.SetDeletionTimestamp(&metav1.Time{Time: time.Now()})
	return o
}

func TestDecide(t *testing.T) {
	w := &want{marks: marks{owner: "u1", generation: 5, hash: "h5"}, manifest: "{}"}
	before := &want{marks: marks{owner: "u1", generation: 4, hash: "h4"}, manifest: "{}"}
	mine := marks{owner: "u1", generation: 5, hash: "h5", epoch: 3}
	older := marks{owner: "u1", generation: 4, hash: "h4", epoch: 3}
	newer := marks{owner: "u1", generation: 6, hash: "h6", epoch: 3}
	theirs := marks{owner: "u0", generation: 9, hash: "h9", epoch: 3}
	future := marks{owner: "u1", generation: 5, hash: "h5", epoch: 4}

	tests := map[string]struct {
		live  *unstructured.Unstructured
		known knowledge
		epoch int64
		want  verdict
	}{
		"nothing is there":                           {nil, knowledge{}, 3, create},
		"it is as it shall be":                       {marked(mine), knowledge{}, 3, hold},
		"it is of an older manifest":                 {marked(older), knowledge{}, 3, update},
		"it bears a newer generation":                {marked(newer), knowledge{}, 3, outdated},
		"it belongs to another owner":                {marked(theirs), knowledge{}, 3, replace},
		"it is nobody's":                             {marked(marks{}), knowledge{}, 3, refuse},
		"it is on its way out":                       {leaving(marked(mine)), knowledge{}, 3, await},
		"another owner's is on its way out":          {leaving(marked(theirs)), knowledge{}, 3, await},
		"a newer session has applied it":             {marked(future), knowledge{}, 3, standBack},
		"no session yet, so none is newer":           {marked(future), knowledge{}, 0, hold},
		"its marks are torn off":                     {marked(marks{}), knowledge{want: w, uid: "uid"}, 3, hold},
		"its marks are torn off, and there is news":  {marked(marks{}), knowledge{want: before, uid: "uid"}, 3, update},
		"torn marks of another object of that name":  {marked(marks{}), knowledge{want: w, uid: "another"}, 3, refuse},
		"its owner's mark was changed":               {marked(theirs), knowledge{want: w, uid: "uid"}, 3, hold},
		"its hash was changed":                       {marked(older), knowledge{want: w, uid: "uid"}, 3, hold},
		"another object of the name is of the owner": {marked(older), knowledge{want: w, uid: "another"}, 3, update},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := decide(w, test.live, test.known, test.epoch); got != test.want {
				t.Errorf("the verdict is %d; want %d", got, test.want)
			}
		})
	}
	t.Run("a hash that says nothing proves nothing", func(t *testing.T) {
		bare := &want{marks: marks{owner: "u1", generation: 5}, manifest: "{}"}
		if got := decide(bare, marked(marks{owner: "u1", generation: 5, epoch: 3}), knowledge{}, 3); got != update {
			t.Errorf("the verdict is %d; want %d", got, update)
		}
	})
}

func TestDecideRemoval(t *testing.T) {
	mine := marks{owner: "u1", generation: 5, hash: "h5", epoch: 3}
	theirs := marks{owner: "u2", generation: 1, hash: "h", epoch: 3}
	known := knowledge{want: &want{marks: mine}, uid: "uid"}
	future := mine
	future.epoch = 4
	tests := map[string]struct {
		live  *unstructured.Unstructured
		known knowledge
		want  removal
	}{
		"nothing is there":                {nil, known, absent},
		"it is there":                     {marked(mine), knowledge{}, drop},
		"it is on its way out":            {leaving(marked(mine)), knowledge{}, dropping},
		"it belongs to another owner":     {marked(theirs), knowledge{}, absent},
		"it is nobody's":                  {marked(marks{}), knowledge{}, absent},
		"its marks are torn off":          {marked(marks{}), known, drop},
		"a newer session has applied it":  {marked(future), knowledge{}, leave},
		"another's is on its way out too": {leaving(marked(theirs)), knowledge{}, absent},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := decideRemoval("u1", test.live, test.known, 3); got != test.want {
				t.Errorf("the verdict is %d; want %d", got, test.want)
			}
		})
	}
}
