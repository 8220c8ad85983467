// Package kafka reads what is in the Kafka cluster of a database and in the
// Schema Registry of its catalog: topics, and the schemas of their keys and
// values, as tables. It also creates and deletes topics. Requests have a
// timeout, and answers are cached for a few seconds.
package kafka
