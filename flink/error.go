package flink

import (
	"regexp"
	"strings"

	"github.com/openweir/weir/openjson"
)

var (
	// classNames are the Java classes that a message begins with: an exception that
	// is given no message has the text of its cause.
	classNames = regexp.MustCompile(`^(?:(?:[a-z_][\w$]*\.)+[A-Z][\w$]*(?:: |$))+`)
	// failedRequest is how the operator's client of Kubernetes reports an error. The
	// response of the API server is in the middle.
	failedRequest = regexp.MustCompile(`(?s)^Failure executing: .*? Message: (.*?)(?: Received status: Status\(.*)?$`)
)

// ErrorMessage returns in words what a status.error says, which the operator writes
// as JSON in most cases and as plain text in some: the message of the innermost cause
// that is a sentence. A single word, such as the host of an UnknownHostException,
// says little without its class.
func ErrorMessage(text string) string {
	parsed, err := openjson.ParseText(text)
	if err != nil {
		return inWords(text)
	}
	message := inWords(openjson.String(parsed, "message"))
	causes, _ := parsed["throwableList"].([]any)
	for _, cause := range causes {
		fields, _ := cause.(openjson.Object)
		if inner := inWords(openjson.String(fields, "message")); strings.Contains(inner, " ") || message == "" {
			message = inner
		}
	}
	if message == "" {
		return text
	}
	return message
}

// inWords takes class names, stack traces and the details of requests out of a
// message.
func inWords(message string) string {
	message, _, _ = strings.Cut(message, "\n\tat ")
	message = classNames.ReplaceAllString(strings.TrimSpace(message), "")
	if response := failedRequest.FindStringSubmatch(message); response != nil {
		message = response[1]
	}
	return message
}
