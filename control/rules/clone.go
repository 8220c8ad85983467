package rules

import "google.golang.org/protobuf/proto"

// cloneOf copies a message whole, with its type.
func cloneOf[T proto.Message](m T) T { return proto.Clone(m).(T) }
