// Package gateway is the REST edge: it serves the contract of Confluent Manager
// for Apache Flink over HTTP and calls the control plane over gRPC.
//
// What the proto files say of a method (google.api.http and cmf.v1.rest) is
// read when the gateway starts, and nothing about a single method is written
// here. A request goes through these steps: route, negotiate, read and check
// parameters and body (every violation is reported at once), call, respond. The
// call itself is made by the handlers that grpc-gateway generates.
package gateway
