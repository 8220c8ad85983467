package localflink

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

// tail is how much of a process' output is looked through for why it ended.
const tail = 64 << 10

// maxCause is how long what is told of it may be.
const maxCause = 1500

// throwable is a line that begins a Java exception, or the cause of one, as it
// is printed or logged.
var throwable = regexp.MustCompile(`^(?:Caused by: |Exception in thread "[^"]*" )?((?:[a-z][\w$]*\.)+[A-Z][\w$]*(?:Exception|Error|Throwable)[\w$]*(?::.*)?)$`)

// hidden are causes that say nothing of the cause.
var hidden = regexp.MustCompile(`SecurityContextInitializeException|^java\.lang\.reflect\.`)

// cause tells why a process ended, out of what it wrote: the innermost of the
// last exceptions, or else the last lines.
func cause(output string) string {
	data, err := readTail(output)
	if err != nil {
		return fmt.Sprintf("its output cannot be read: %v", err)
	}
	return causeOf(string(data))
}

func causeOf(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		found := throwable.FindStringSubmatch(strings.TrimSpace(lines[i]))
		if found != nil && !hidden.MatchString(found[1]) {
			return found[1][:min(len(found[1]), maxCause)]
		}
	}
	last := strings.Join(lines[max(0, len(lines)-5):], "\n")
	return last[max(0, len(last)-maxCause):]
}

func readTail(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	if _, err := file.Seek(max(0, size-tail), io.SeekStart); err != nil {
		return nil, err
	}
	return io.ReadAll(file)
}
