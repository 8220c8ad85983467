// Package filter is the language of the list parameter `filter`: a conjunction
// of conditions on a resource's name, its labels and a few attributes such as
// its state. docs/filtering.md describes it for users.
//
//	name=prod*,labels.environment in (production, qa),!labels.development
//
// Parse turns text into a Filter, and Compile turns a Filter into a predicate
// over one type of resource. Neither knows any kind of resource:
// Vocabulary and Getters define what can be compared.
package filter
