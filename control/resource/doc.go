// Package resource is what all kinds of resource have in common. A Kind
// describes one: how its resources are named, stored, listed, viewed, what they
// put on workload clusters and what happens when they go. Creating, reading,
// listing, updating, deleting, watching, sending to agents, reporting and the
// deletion of environments are written once, here and in package fleet, over
// that description.
//
// Each kind has a package of its own beneath this one, which also holds its RPCs
// and rules. A new kind costs its proto, its package and one line where packages
// are put together (control.Rooms).
package resource
