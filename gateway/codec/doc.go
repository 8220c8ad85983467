// Package codec translates between the messages of cmf.v1 and the JSON of the
// REST contract.
//
// It differs from protojson where the contract does: 64-bit integers are
// numbers, JsonObject and StringMap are what they hold, timestamps print as
// java.time.Instant does, (cmf.v1.always) fields show when they are empty, and
// a bad document is answered with every violation at once, each with the path
// of its field. The mapping of a message is worked out once, from its
// descriptor, and kept.
package codec
