package codec

import (
	"errors"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// appendTimestamp writes RFC 3339 in UTC with 0, 3, 6 or 9 digits of fraction,
// whichever is the shortest that is exact: as java.time.Instant prints.
func appendTimestamp(dst []byte, ts *timestamppb.Timestamp) []byte {
	dst = append(dst, '"')
	// The time package is several times faster at RFC 3339 than at other layouts.
	dst = ts.AsTime().AppendFormat(dst, time.RFC3339)
	dst = appendSecondFraction(dst[:len(dst)-1], ts.GetNanos()) // in the place of Z
	return append(dst, 'Z', '"')
}

// appendSecondFraction writes the fraction of a second with 3, 6 or 9 digits, whichever is
// the shortest that is exact. There is none for 0.
func appendSecondFraction(dst []byte, nanos int32) []byte {
	if nanos == 0 {
		return dst
	}
	dst = append(dst, '.')
	digits, unit := 9, int32(1)
	for ; nanos%(unit*1000) == 0; digits, unit = digits-3, unit*1000 {
	}
	for place := int32(1e8); digits > 0; digits, place = digits-1, place/10 {
		dst = append(dst, byte('0'+nanos/place%10))
	}
	return dst
}

var errTimestamp = errors.New("must be a timestamp such as 2025-01-31T12:00:00Z")

func parseTimestamp(s string) (*timestamppb.Timestamp, error) {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return nil, errTimestamp
	}
	ts := timestamppb.New(t)
	if ts.CheckValid() != nil { // before the year 1 once the offset is taken off
		return nil, errTimestamp
	}
	return ts, nil
}
