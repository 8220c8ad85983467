package gateway

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Error is a failure of Flink. The gateway responds to every failure with 500; the
// cause is only in the Java stack traces of Messages.
type Error struct {
	Status   int
	Messages []string
}

// Error returns the message without Java classes and stack traces.
func (e *Error) Error() string {
	if len(e.Messages) == 0 {
		return fmt.Sprintf("the SQL gateway responded with HTTP status %d", e.Status)
	}
	return UserMessage(e.Messages[len(e.Messages)-1])
}

// mentions reports whether any of the messages contains a text.
func (e *Error) mentions(text string) bool {
	for _, message := range e.Messages {
		if strings.Contains(message, text) {
			return true
		}
	}
	return false
}

// IsFailure reports whether Flink has responded with an error, rather than being
// unreachable.
func IsFailure(err error) bool {
	var failure *Error
	return errors.As(err, &failure)
}

// IsLost reports whether the gateway does not know the session or the operation:
// it was restarted, or they have expired.
func IsLost(err error) bool {
	var failure *Error
	return errors.As(err, &failure) &&
		(failure.mentions("does not exist") && failure.mentions("Session '") || failure.mentions("Can not find the submitted operation"))
}

// IsTransient reports whether the gateway could not reach the JobManager, so that
// a retry may succeed.
func IsTransient(err error) bool {
	var failure *Error
	return errors.As(err, &failure) && (failure.mentions("java.net.ConnectException") || failure.mentions("Connection refused"))
}

// IsUnwritable reports whether the rows of a page cannot be encoded as JSON, which
// Flink does not support for maps whose keys are not strings.
func IsUnwritable(err error) bool {
	var failure *Error
	return errors.As(err, &failure) && failure.mentions("Could not map response to JSON")
}

// cause is one exception of a stack trace.
type cause struct{ class, message string }

// exceptionLine matches a line with the class of an exception.
var exceptionLine = regexp.MustCompile(`^(?:Caused by: )?((?:[a-zA-Z_][\w$]*\.)+[A-Z][\w$]*)(?:: (.*))?$`)

// causes parses a Java stack trace. The outermost exception comes first.
func causes(trace string) []cause {
	var out []cause
	open := false // whether the message of the last exception may continue
	for line := range strings.SplitSeq(trace, "\n") {
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(trimmed, "at ") || strings.HasPrefix(trimmed, "... ") ||
			strings.HasPrefix(trimmed, "Suppressed:") || strings.HasPrefix(trimmed, "<Exception on server side") ||
			strings.HasPrefix(trimmed, "End of exception on server side") {
			open = false
			continue
		}
		if found := exceptionLine.FindStringSubmatch(line); found != nil {
			out = append(out, cause{class: found[1], message: found[2]})
			open = true
			continue
		}
		if open && trimmed != "" {
			out[len(out)-1].message += "\n" + strings.TrimRight(line, " \r")
		}
	}
	return out
}

// userFacing are the exceptions whose messages Flink writes for users.
var userFacing = []string{"SqlParserException", "SqlParserEOFException", "ValidationException", "TableException", "CatalogException",
	"DatabaseNotExistException", "TableNotExistException"}

// UserMessage returns the message of a stack trace for users: that of the innermost
// exception of the planner, or else of the innermost exception.
func UserMessage(trace string) string {
	all := causes(trace)
	if len(all) == 0 {
		line, _, _ := strings.Cut(strings.TrimSpace(trace), "\n")
		return line
	}
	for i := len(all) - 1; i >= 0; i-- {
		for _, name := range userFacing {
			if strings.HasSuffix(all[i].class, "."+name) && all[i].message != "" {
				return plain(all[i].message) + reason(all[i+1:])
			}
		}
	}
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].message != "" {
			return plain(all[i].message)
		}
	}
	return simpleName(all[len(all)-1].class)
}

// reason returns the cause of an exception of the planner whose message lacks it.
func reason(behind []cause) string {
	if len(behind) == 0 {
		return ""
	}
	last := behind[len(behind)-1]
	switch simpleName(last.class) {
	// The planner's message contains their text.
	case "SqlParseException", "ParseException", "CalciteException", "CalciteContextException", "SqlValidatorException":
		return ""
	}
	if last.message == "" {
		return ""
	}
	return " " + plain(last.message)
}

// javaClass matches a qualified class name before a message.
var javaClass = regexp.MustCompile(`(?:[a-z_][\w$]*\.){2,}([A-Z][\w$]*(?:Exception|Error)): `)

// plain removes class names of nested exceptions, and the parser's list of expected
// tokens.
func plain(message string) string {
	message, _, _ = strings.Cut(message, "\nWas expecting") // hundreds of tokens
	return strings.TrimSpace(javaClass.ReplaceAllString(message, ""))
}

func simpleName(class string) string { return class[strings.LastIndex(class, ".")+1:] }

// Cause returns the class of the innermost exception of a trace, and the message of
// the trace for users.
func Cause(trace string) (class, sentence string) {
	all := causes(trace)
	if len(all) == 0 {
		return "", UserMessage(trace)
	}
	return all[len(all)-1].class, UserMessage(trace)
}
