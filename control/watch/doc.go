// Package watch replays the changes of several collections as one history.
//
// What users see of a resource is made from objects of the same key in more
// than one collection, such as what a user wrote and what an agent reported.
// A Replay brings their changes into the order in which etcd committed them and
// gives, for each key that a transaction touched, all of its objects before and
// after. That it does so from any version that is still known, by taking back
// what has happened since, is what makes a watch the same on every replica,
// whenever it begins.
package watch
