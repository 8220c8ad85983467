package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// The workload cluster that the applications are for.
const (
	cluster   = "bench-k8s-cluster"
	namespace = "flink"
)

// agent is the least that an agent can be: it says it has done what it is
// told. With it, Weir does all of its work while it is measured, rendering and
// sending every object, and no kube-apiserver takes processor time for it.
type agent struct {
	conn   *grpc.ClientConn
	cancel context.CancelFunc
	ended  chan struct{}
	err    error // valid once ended is closed
	sends  sync.Mutex
	stream grpc.BidiStreamingClient[agentv1.ConnectRequest, agentv1.ConnectResponse]
}

// connect registers the cluster and returns once the control plane has
// welcomed the agent.
func connect(ctx context.Context, address, token string) (*agent, error) {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, fmt.Errorf("connect to the control plane: %w", err)
	}
	ctx, cancel := context.WithCancel(metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token))
	a := &agent{conn: conn, cancel: cancel, ended: make(chan struct{})}
	if err := a.begin(ctx); err != nil {
		cancel()
		_ = conn.Close()
		return nil, fmt.Errorf("begin the agent's session: %w", err)
	}
	return a, nil
}

func (a *agent) begin(ctx context.Context) error {
	var err error
	if a.stream, err = agentv1.NewFleetServiceClient(a.conn).Connect(ctx); err != nil {
		return err
	}
	if err := a.send(&agentv1.ConnectRequest{Message: &agentv1.ConnectRequest_Hello{Hello: &agentv1.Hello{
		Cluster:                   cluster,
		ProcessId:                 "bench",
		AgentVersion:              "bench",
		KubernetesVersion:         "none",
		Namespaces:                &agentv1.NamespacesReport{Names: []string{namespace}},
		CustomResourceDefinitions: []string{"flinkdeployments.flink.apache.org"},
	}}}); err != nil {
		return err
	}
	first, err := a.stream.Recv()
	if err != nil {
		return err
	}
	if first.GetWelcome() == nil {
		return fmt.Errorf("the first message is no welcome but %T", first.GetMessage())
	}
	go a.run(ctx, first.GetWelcome().GetNextHeartbeat().AsDuration())
	return nil
}

// run answers the control plane until the session ends.
func (a *agent) run(ctx context.Context, next time.Duration) {
	defer close(a.ended)
	beat := time.AfterFunc(next, func() {
		_ = a.send(&agentv1.ConnectRequest{Message: &agentv1.ConnectRequest_Heartbeat{Heartbeat: &agentv1.Heartbeat{}}})
	})
	defer beat.Stop()
	for {
		message, err := a.stream.Recv()
		if err != nil {
			if ctx.Err() == nil && !errors.Is(err, io.EOF) {
				a.err = err
			}
			return
		}
		switch m := message.GetMessage().(type) {
		case *agentv1.ConnectResponse_HeartbeatReply:
			beat.Reset(m.HeartbeatReply.GetNextHeartbeat().AsDuration())
		case *agentv1.ConnectResponse_Apply:
			err = a.send(&agentv1.ConnectRequest{Message: &agentv1.ConnectRequest_Ack{Ack: &agentv1.Ack{
				Ref: m.Apply.GetRef(), OwnerUid: m.Apply.GetOwnerUid(), Generation: m.Apply.GetGeneration(),
				Hash: m.Apply.GetHash(), Outcome: agentv1.Outcome_OUTCOME_APPLIED,
			}}})
		case *agentv1.ConnectResponse_Delete:
			err = a.send(&agentv1.ConnectRequest{Message: &agentv1.ConnectRequest_Ack{Ack: &agentv1.Ack{
				Ref: m.Delete.GetRef(), OwnerUid: m.Delete.GetOwnerUid(), Outcome: agentv1.Outcome_OUTCOME_DELETED,
			}}})
		}
		if err != nil {
			a.err = err
			return
		}
	}
}

// send lets one message out at a time.
func (a *agent) send(message *agentv1.ConnectRequest) error {
	a.sends.Lock()
	defer a.sends.Unlock()
	return a.stream.Send(message)
}

// close ends the session and returns what it failed with before, if anything.
func (a *agent) close() error {
	a.cancel()
	<-a.ended
	_ = a.conn.Close()
	if a.err != nil {
		return fmt.Errorf("the agent's session: %w", a.err)
	}
	return nil
}
