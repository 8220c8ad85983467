package codec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Error describes what is wrong with a document, to the client.
type Error struct {
	// Messages are sentences, each about one violation. At least one.
	Messages []string
}

// Error joins the messages.
func (e *Error) Error() string { return strings.Join(e.Messages, "; ") }

func newError(format string, args ...any) *Error {
	return &Error{Messages: []string{fmt.Sprintf(format, args...)}}
}

// syntaxError describes an error of the JSON parser.
func syntaxError(data []byte, err error) *Error {
	var syntactic *jsontext.SyntacticError
	switch {
	case errors.As(err, &syntactic) && errors.Is(err, jsontext.ErrDuplicateName):
		return newError("%s: duplicate key", pointerPath(syntactic.JSONPointer))
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return newError("The body is not valid JSON: it ends in the middle of a value.")
	case errors.As(err, &syntactic):
		line, column := position(data, syntactic.ByteOffset)
		return newError("The body is not valid JSON: line %d, column %d: %s.", line, column, syntactic.Err)
	default:
		return newError("The body is not valid JSON.")
	}
}

// position counts lines and columns from 1, columns in bytes.
func position(data []byte, offset int64) (line, column int) {
	before := data[:min(max(offset, 0), int64(len(data)))]
	return 1 + bytes.Count(before, []byte{'\n'}), len(before) - bytes.LastIndexByte(before, '\n')
}
