package codec

import (
	"errors"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// appendTimestamp writes RFC 3339 in UTC with 0, 3, 6 or 9 digits of fraction,
// whichever is the shortest that is exact: as java.time.Instant prints.
func appendTimestamp(dst []byte, ts *timestamppb.Timestamp) []byte {
	layout := "2006-01-02T15:04:05.000000000Z"
	switch nanos := ts.GetNanos(); {
	case nanos == 0:
		layout = "2006-01-02T15:04:05Z"
	case nanos%1e6 == 0:
		layout = "2006-01-02T15:04:05.000Z"
	case nanos%1e3 == 0:
		layout = "2006-01-02T15:04:05.000000Z"
	}
	dst = append(dst, '"')
	dst = ts.AsTime().AppendFormat(dst, layout)
	return append(dst, '"')
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
