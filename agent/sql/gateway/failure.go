package gateway

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Error is what Flink failed with. The gateway answers everything with 500:
// what went wrong is only in the Java stack traces of Messages.
type Error struct {
	Status   int
	Messages []string
}

// Error is a sentence without Java's classes and stack.
func (e *Error) Error() string {
	if len(e.Messages) == 0 {
		return fmt.Sprintf("the SQL gateway answered with HTTP status %d", e.Status)
	}
	return Sentence(e.Messages[len(e.Messages)-1])
}

// mentions tells whether any of the messages has a text.
func (e *Error) mentions(text string) bool {
	for _, message := range e.Messages {
		if strings.Contains(message, text) {
			return true
		}
	}
	return false
}

// IsFailure tells whether Flink itself has answered with an error, rather than
// the gateway not having been reached.
func IsFailure(err error) bool {
	var failure *Error
	return errors.As(err, &failure)
}

// IsLost tells whether the gateway does not know the session or the operation:
// it was restarted, or they have expired.
func IsLost(err error) bool {
	var failure *Error
	return errors.As(err, &failure) &&
		(failure.mentions("does not exist") && failure.mentions("Session '") || failure.mentions("Can not find the submitted operation"))
}

// IsTransient tells whether the gateway could not reach the JobManager, which
// may be otherwise in a moment.
func IsTransient(err error) bool {
	var failure *Error
	return errors.As(err, &failure) && (failure.mentions("java.net.ConnectException") || failure.mentions("Connection refused"))
}

// IsUnwritable tells whether the rows of a page cannot be written as JSON,
// which Flink does not for maps whose keys are no text.
func IsUnwritable(err error) bool {
	var failure *Error
	return errors.As(err, &failure) && failure.mentions("Could not map response to JSON")
}

// cause is one exception of a stack trace.
type cause struct{ class, message string }

// exceptionLine begins with the class of an exception.
var exceptionLine = regexp.MustCompile(`^(?:Caused by: )?((?:[a-zA-Z_][\w$]*\.)+[A-Z][\w$]*)(?:: (.*))?$`)

// causes reads a Java stack trace. The outermost exception comes first.
func causes(trace string) []cause {
	var out []cause
	open := false // the message of the last exception may go on
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

// telling are the exceptions whose messages Flink writes for users.
var telling = []string{"SqlParserException", "SqlParserEOFException", "ValidationException", "TableException", "CatalogException",
	"DatabaseNotExistException", "TableNotExistException"}

// Sentence is what a stack trace says to a user: the message of the innermost
// exception that is the planner's, or else of the innermost one at all.
func Sentence(trace string) string {
	all := causes(trace)
	if len(all) == 0 {
		line, _, _ := strings.Cut(strings.TrimSpace(trace), "\n")
		return line
	}
	for i := len(all) - 1; i >= 0; i-- {
		for _, name := range telling {
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

// reason is what lies behind a planner's exception that only says where it
// came to an end.
func reason(behind []cause) string {
	if len(behind) == 0 {
		return ""
	}
	last := behind[len(behind)-1]
	switch simpleName(last.class) {
	// The planner's message has their text already.
	case "SqlParseException", "ParseException", "CalciteException", "CalciteContextException", "SqlValidatorException":
		return ""
	}
	if last.message == "" {
		return ""
	}
	return " " + plain(last.message)
}

// javaClass is the name of a class with its packages, and what it stands
// before.
var javaClass = regexp.MustCompile(`(?:[a-z_][\w$]*\.){2,}([A-Z][\w$]*(?:Exception|Error)): `)

// plain takes the classes of exceptions within exceptions away, and the list of
// what the parser would have taken.
func plain(message string) string {
	message, _, _ = strings.Cut(message, "\nWas expecting") // all the words that there are
	return strings.TrimSpace(javaClass.ReplaceAllString(message, ""))
}

func simpleName(class string) string { return class[strings.LastIndex(class, ".")+1:] }

// Cause is the class and the message of the outermost exception of a trace,
// and the sentence that the whole trace comes to.
func Cause(trace string) (class, sentence string) {
	all := causes(trace)
	if len(all) == 0 {
		return "", Sentence(trace)
	}
	return all[len(all)-1].class, Sentence(trace)
}
