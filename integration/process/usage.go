package process

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// tick is the unit of processor times in /proc: Linux has 100 a second on all
// architectures that Go supports.
const tick = 10 * time.Millisecond

// ProcessorTime is what the process itself, without its children, has taken.
func (p *Process) ProcessorTime() (time.Duration, error) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(p.PID()) + "/stat")
	if err != nil {
		return 0, fmt.Errorf("read the processor time of %s: %w", p.name, err)
	}
	used, err := parseProcessorTime(stat)
	if err != nil {
		return 0, fmt.Errorf("read the processor time of %s: %w", p.name, err)
	}
	return used, nil
}

// parseProcessorTime adds the times in user and in kernel mode of a
// /proc/PID/stat; see proc_pid_stat(5).
func parseProcessorTime(stat []byte) (time.Duration, error) {
	const user, kernel = 11, 12 // counted behind the name, which may hold spaces
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) <= kernel {
		return 0, fmt.Errorf("%d fields behind the name in %q", len(fields), stat)
	}
	var ticks int64
	for _, field := range [][]byte{fields[user], fields[kernel]} {
		n, err := strconv.ParseInt(string(field), 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}
