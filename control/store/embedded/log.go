package embedded

import (
	"context"
	"log/slog"

	"go.uber.org/zap/zapcore"
)

// core passes what etcd logs, which it does by zap, to slog. Below warnings etcd
// tells of its inner life, which is of no use to who runs Weir.
type core struct{ handler slog.Handler }

// noContext is what entries have: zap passes none on.
var noContext = context.Background() //nolint:forbidigo // see above

func (c core) Enabled(level zapcore.Level) bool {
	return level >= zapcore.WarnLevel && c.handler.Enabled(noContext, translate(level))
}

func (c core) With(fields []zapcore.Field) zapcore.Core {
	return core{c.handler.WithAttrs(attributes(fields))}
}

func (c core) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(entry.Level) {
		return checked.AddCore(entry, c)
	}
	return checked
}

func (c core) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	record := slog.NewRecord(entry.Time, translate(entry.Level), "etcd: "+entry.Message, entry.Caller.PC)
	record.AddAttrs(attributes(fields)...)
	return c.handler.Handle(noContext, record)
}

func (core) Sync() error { return nil }

func translate(level zapcore.Level) slog.Level {
	switch {
	case level >= zapcore.ErrorLevel:
		return slog.LevelError
	case level == zapcore.WarnLevel:
		return slog.LevelWarn
	case level == zapcore.InfoLevel:
		return slog.LevelInfo
	default:
		return slog.LevelDebug
	}
}

func attributes(fields []zapcore.Field) []slog.Attr {
	encoder := zapcore.NewMapObjectEncoder()
	attributes := make([]slog.Attr, 0, len(fields))
	for _, field := range fields {
		field.AddTo(encoder)
	}
	for key, value := range encoder.Fields {
		attributes = append(attributes, slog.Any(key, value))
	}
	return attributes
}
