package logical

import (
	"github.com/openweir/weir/control/sql/token"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

const (
	mostFraction = 9 // nanoseconds
	// What Flink takes where SQL gives no precision.
	timePrecision       = 0
	timestampPrecision  = 6
	yearPrecision       = 2
	dayPrecision        = 2
	fractionalPrecision = 6
)

func readTime(r *token.Reader) (*cmfv1.DataType, error) {
	precision, err := readParameter(r, "the precision of TIME", timePrecision, 0, mostFraction)
	if err != nil {
		return nil, err
	}
	if r.Accept("WITHOUT") {
		err = r.Expect("TIME", "ZONE")
	}
	return WithPrecision(Time, precision), err
}

func readTimestamp(r *token.Reader) (*cmfv1.DataType, error) {
	precision, err := readParameter(r, "the precision of TIMESTAMP", timestampPrecision, 0, mostFraction)
	if err != nil {
		return nil, err
	}
	root := Timestamp
	switch {
	case r.Accept("WITHOUT"):
		err = r.Expect("TIME", "ZONE")
	case r.Is("WITH", "LOCAL"), r.Is("WITH", "TIME"):
		r.Next()
		root = TimestampTZ
		if r.Accept("LOCAL") {
			root = TimestampLTZ
		}
		err = r.Expect("TIME", "ZONE")
	}
	return WithPrecision(root, precision), err
}

func readTimestampLTZ(r *token.Reader) (*cmfv1.DataType, error) {
	precision, err := readParameter(r, "the precision of TIMESTAMP_LTZ", timestampPrecision, 0, mostFraction)
	return WithPrecision(TimestampLTZ, precision), err
}

// units are the units of intervals from long to short, in their two families.
var units = map[string]struct {
	root string
	rank int
}{
	"YEAR": {YearMonth, 0}, "MONTH": {YearMonth, 1},
	"DAY": {DayTime, 0}, "HOUR": {DayTime, 1}, "MINUTE": {DayTime, 2}, "SECOND": {DayTime, 3},
}

func readInterval(r *token.Reader) (*cmfv1.DataType, error) {
	first := r.Peek()
	from, known := units[first.Keyword]
	if !known {
		return nil, r.Unexpected("YEAR, MONTH, DAY, HOUR, MINUTE or SECOND")
	}
	r.Next()
	t := Of(from.root)
	t.Resolution = first.Keyword
	precision, fraction, err := readIntervalPrecisions(r, first.Keyword)
	if err != nil {
		return nil, err
	}
	if r.Accept("TO") {
		last := r.Peek()
		to, known := units[last.Keyword]
		if !known || to.root != from.root || to.rank <= from.rank {
			return nil, r.Unexpected("a unit shorter than " + first.Keyword)
		}
		r.Next()
		t.Resolution += "_TO_" + last.Keyword
		if last.Keyword == "SECOND" {
			if fraction, err = readFraction(r); err != nil {
				return nil, err
			}
		}
	}
	t.Precision = &precision
	if from.root == DayTime {
		t.FractionalPrecision = &fraction
	}
	return t, nil
}

// readIntervalPrecisions reads the precision of the first unit. Only years and
// days have one, and seconds that of their fraction.
func readIntervalPrecisions(r *token.Reader, unit string) (precision, fraction int32, err error) {
	precision, fraction = dayPrecision, fractionalPrecision
	switch unit {
	case "YEAR":
		precision, err = readParameter(r, "the precision of years", yearPrecision, 1, 4)
	case "DAY":
		precision, err = readParameter(r, "the precision of days", dayPrecision, 1, 6)
	case "SECOND":
		fraction, err = readFraction(r)
	}
	return precision, fraction, err
}

func readFraction(r *token.Reader) (int32, error) {
	return readParameter(r, "the precision of fractions of a second", fractionalPrecision, 0, mostFraction)
}
