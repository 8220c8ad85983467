package flinkspec

import "github.com/openweir/weir/openjson"

// OperatorError is the sentence in status.error, which the operator writes as
// JSON in most cases and as plain text in some.
func OperatorError(text string) string {
	parsed, err := openjson.ParseText(text)
	if err != nil || openjson.String(parsed, "message") == "" {
		return text
	}
	return openjson.String(parsed, "message")
}
