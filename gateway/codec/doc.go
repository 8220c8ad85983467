// Package codec translates between the messages of cmf.v1 and the JSON of the
// REST contract.
//
// It differs from protojson where the contract does: 64-bit integers are
// numbers, JsonObject and StringMap are what they hold, timestamps print as
// java.time.Instant does, (cmf.v1.always) fields show when they are empty, and
// every violation in a document is reported, each with the path of its field.
// The mapping of a message is computed once, from its descriptor.
package codec
