package codec

import (
	"errors"
	"regexp"
	"strconv"

	"google.golang.org/protobuf/types/known/durationpb"
)

// appendDuration writes seconds with 0, 3, 6 or 9 digits of fraction and an s, as the
// JSON of protobuf has durations.
func appendDuration(dst []byte, d *durationpb.Duration) []byte {
	seconds, nanos := d.GetSeconds(), d.GetNanos()
	dst = append(dst, '"')
	if seconds < 0 || nanos < 0 {
		dst = append(dst, '-')
		seconds, nanos = -seconds, -nanos
	}
	dst = strconv.AppendInt(dst, seconds, 10)
	return append(appendSecondFraction(dst, nanos), 's', '"')
}

var (
	errDuration = errors.New("must be a duration in seconds such as 3600s")
	duration    = regexp.MustCompile(`^(-?)([0-9]{1,12})(?:\.([0-9]{1,9}))?s$`)
)

func parseDuration(s []byte) (*durationpb.Duration, error) {
	parts := duration.FindSubmatch(s)
	if parts == nil {
		return nil, errDuration
	}
	fraction := append(parts[3][:len(parts[3]):len(parts[3])], "000000000"[len(parts[3]):]...)
	// The expression has seen to it that both are digits, and few enough.
	seconds, _ := strconv.ParseInt(string(parts[2]), 10, 64)
	nanos, _ := strconv.ParseInt(string(fraction), 10, 32)
	if len(parts[1]) > 0 {
		seconds, nanos = -seconds, -nanos
	}
	d := &durationpb.Duration{Seconds: seconds, Nanos: int32(nanos)}
	if d.CheckValid() != nil { // more than 10,000 years
		return nil, errDuration
	}
	return d, nil
}
