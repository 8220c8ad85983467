package driver

import (
	"regexp"
	"strconv"
	"strings"
)

var (
	// answeredWithError is how the API server quotes the body of a webhook that has
	// answered with HTTP status 500.
	answeredWithError = regexp.MustCompile(`an error on the server \(("(?:[^"\\]|\\.)*")\) has prevented the request from succeeding`)
	// thrown is the first line of a Java stack trace.
	thrown = regexp.MustCompile(`^(?:[\w$]+\.)+[\w$]+(?:: (.+))?$`)
	// member is a field in the reference chain of a message of Jackson.
	member = regexp.MustCompile(`\["([^"]+)"\]`)
)

// webhookRefusal returns why an admission webhook refuses an object, although the
// API server says that it failed to call the webhook: the webhook of the Flink operator
// answers with a stack trace if it cannot read a specification. The reason is empty
// if the webhook could not be reached or failed otherwise. isWebhook reports whether
// the message is about a webhook that failed.
func webhookRefusal(message string) (reason string, isWebhook bool) {
	if !strings.Contains(message, "failed calling webhook") && !strings.Contains(message, "failed to call webhook") {
		return "", false
	}
	quoted := answeredWithError.FindStringSubmatch(message)
	if quoted == nil {
		return "", true
	}
	body, err := strconv.Unquote(quoted[1])
	if err != nil {
		return "", true
	}
	first, trace, _ := strings.Cut(body, "\n")
	exception := thrown.FindStringSubmatch(strings.TrimSpace(first))
	if exception == nil || !strings.Contains(trace, "\tat ") {
		return "", true
	}
	reason = exception[1]
	if reason == "" {
		reason = strings.TrimSpace(first)
	}
	if _, chain, ok := strings.Cut(trace, "through reference chain: "); ok {
		chain, _, _ = strings.Cut(chain, "\n")
		var path []string
		for _, field := range member.FindAllStringSubmatch(chain, -1) {
			path = append(path, field[1])
		}
		if len(path) > 0 {
			reason = strings.Join(path, ".") + ": " + reason
		}
	}
	return reason, true
}
