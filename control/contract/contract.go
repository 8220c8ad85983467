// Package contract holds the words of Confluent Manager for Apache Flink's REST
// API: versions, kinds, states and defaults, exactly as clients read and write
// them.
package contract

// Versions of the API.
const (
	APIVersion      = "cmf.confluent.io/v1"
	EventAPIVersion = "cmf.confluent.io/v1alpha1"
)

// Kinds of resources and of the items and lists that belong to them.
const (
	KindApplication            = "FlinkApplication"
	KindInstance               = "FlinkApplicationInstance"
	KindEvent                  = "FlinkApplicationEvent"
	KindCluster                = "KubernetesCluster"
	KindAgentToken             = "AgentToken"
	KindMachineToken           = "MachineToken"
	KindKafkaCatalog           = "KafkaCatalog"
	KindKafkaDatabase          = "KafkaDatabase"
	KindComputePool            = "ComputePool"
	KindSavepoint              = "Savepoint"
	KindSecret                 = "Secret"
	KindSecretMapping          = "EnvironmentSecretMapping"
	KindStatement              = "Statement"
	KindStatementResult        = "StatementResult"
	KindStatementExceptionList = "StatementExceptionList"
	KindStatementException     = "StatementException"
)

// DefaultCluster is the cluster of an environment that names none.
const DefaultCluster = "default-k8s-cluster"

// Mask stands for every value of a secret in answers.
const Mask = "****"
