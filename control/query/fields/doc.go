// Package fields is the list parameter `fields`: a projection of resources to
// the fields that a client names by their dotted JSON paths.
//
//	metadata.name,spec.flinkConfiguration.taskmanager.numberOfTaskSlots
//
// Paths are checked against the message once a request. Below an open-ended
// JSON object nothing is known of the fields, so a path that leads nowhere is
// no error there.
package fields
