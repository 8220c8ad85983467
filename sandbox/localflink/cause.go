package localflink

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
)

// tail is how much of a process' output is looked through for why it ended.
const tail = 64 << 10

// maxCause is the maximum length of a reported cause.
const maxCause = 1500

// throwable is a line that begins a Java exception, or the cause of one, as it
// is printed or logged.
var throwable = regexp.MustCompile(`^(?:Caused by: |Exception in thread "[^"]*" )?((?:[a-z][\w$]*\.)+[A-Z][\w$]*(?:Exception|Error|Throwable)[\w$]*(?::.*)?)$`)

// logged is a line that begins an entry of the log.
var logged = regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`)

// final is an entry of the log in which a process says why it ends. What
// follows it are consequences.
var final = regexp.MustCompile(`ERROR.*(?:Fatal error|Could not start|Terminating)`)

// cause tells why a process ended, out of what it wrote: the innermost cause of
// what it says it ended for, else of the last exception, else the last lines.
func cause(output string) string {
	data, err := readTail(output)
	if err != nil {
		return fmt.Sprintf("its output cannot be read: %v", err)
	}
	return causeOf(string(data))
}

func causeOf(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	found := innermost(entry(lines))
	if found == "" {
		found = innermost(lines)
	}
	if found != "" {
		return found[:min(len(found), maxCause)]
	}
	last := strings.Join(lines[max(0, len(lines)-5):], "\n")
	return last[max(0, len(last)-maxCause):]
}

// entry is the first entry of the log in which the process says that it ends.
func entry(lines []string) []string {
	for i, line := range lines {
		if !final.MatchString(line) {
			continue
		}
		end := i + 1
		for end < len(lines) && !logged.MatchString(lines[end]) {
			end++
		}
		return lines[i:end]
	}
	return nil
}

// innermost is the last exception of several lines: causes follow what they
// are the cause of.
func innermost(lines []string) string {
	for _, line := range slices.Backward(lines) {
		if found := throwable.FindStringSubmatch(strings.TrimSpace(line)); found != nil {
			return found[1]
		}
	}
	return ""
}

func readTail(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	if _, err := file.Seek(max(0, size-tail), io.SeekStart); err != nil {
		return nil, err
	}
	return io.ReadAll(file)
}
