// Package kafka reads what is in the Kafka cluster of a database and in the
// Schema Registry of its catalog: topics, and the schemas of their keys and
// values, as tables. It also makes and deletes topics. It talks to nobody but
// those two, for a bounded time, and remembers answers for a few seconds.
package kafka
