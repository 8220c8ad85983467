package fleet

import (
	"fmt"
	"unicode/utf8"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	"github.com/openweir/weir/openjson"
)

// Limits of a report, in bytes.
const (
	// maxReport is what is stored as it was reported, if etcd takes it: by default it
	// takes 1.5 MiB in a transaction.
	maxReport = 1 << 20
	// maxText bounds each text in a report that is too large. What is longer is a specification that the
	// operator keeps in the status, or the trace of an exception.
	maxText = 4 << 10
	// maxStatus bounds the status once its texts are short.
	maxStatus = 512 << 10
)

// essential are the fields of a status that are kept where it has more than
// maxStatus bytes of other things.
var essential = []string{"observedGeneration", "lifecycleState", "jobManagerDeploymentStatus", "jobStatus", "error"}

// size is about the space that a report takes.
func (r *report) size() int {
	size := len(r.status.GetStatus())
	for _, ack := range r.acks {
		size += len(ack.GetMessage())
	}
	for _, event := range r.events {
		size += len(event.GetMessage())
	}
	return size
}

// shorten cuts what is long in a report and keeps the rest.
func (r *report) shorten() {
	if r.status != nil {
		r.status = &agentv1.StatusReport{
			Ref: r.status.GetRef(), OwnerUid: r.status.GetOwnerUid(), Generation: r.status.GetGeneration(),
			ObjectGeneration: r.status.GetObjectGeneration(), ObjectUid: r.status.GetObjectUid(),
			Status: shortStatus(r.status.GetStatus()), Deleting: r.status.GetDeleting(),
		}
	}
	for _, ack := range r.acks {
		ack.Message = cut(ack.GetMessage())
	}
	for _, event := range r.events {
		event.Message = cut(event.GetMessage())
	}
}

// shortStatus is a status whose texts are short, and if it is still too long, only
// what is essential of it.
func shortStatus(text string) string {
	status, err := openjson.ParseText(text)
	if err != nil {
		return text // which is ignored
	}
	short, _ := cutTexts(status).(openjson.Object)
	if text := openjson.Text(short); len(text) <= maxStatus {
		return text
	}
	kept := openjson.Object{}
	for _, field := range essential {
		if value, ok := short[field]; ok && len(openjson.Encode(value)) <= maxStatus/len(essential) {
			kept[field] = value
		}
	}
	return openjson.Text(kept)
}

func cutTexts(value any) any {
	switch value := value.(type) {
	case string:
		return cut(value)
	case openjson.Object:
		out := make(openjson.Object, len(value))
		for key, field := range value {
			out[key] = cutTexts(field)
		}
		return out
	case []any:
		out := make([]any, len(value))
		for i, item := range value {
			out[i] = cutTexts(item)
		}
		return out
	}
	return value
}

// cut cuts a text at a character boundary, and says so.
func cut(text string) string {
	if len(text) <= maxText {
		return text
	}
	end := maxText
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + fmt.Sprintf("… (%d bytes were left out)", len(text)-end)
}
