// Package agent is the least that an agent can be: it speaks the agents'
// protocol over a connection of its own and answers that every object is as the
// control plane wants it. With it, the control plane does all of its work while
// it is measured, and no kube-apiserver takes processor time.
package agent

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

// maxMessage is the largest message taken from the control plane, in bytes, as
// in the real agent.
const maxMessage = 8 << 20

// Config says how to connect.
type Config struct {
	// Address is the one that the control plane serves agents on.
	Address string
	// Token is the static token to present.
	Token string
	// Cluster is the name to register, Namespace the one that it has.
	Cluster, Namespace string
	// Status makes the status that is reported of an object after it is applied;
	// nil reports none.
	Status func(*agentv1.Apply) (string, error)
}

// Agent is one session.
type Agent struct {
	config Config
	conn   *grpc.ClientConn
	cancel context.CancelFunc
	ended  chan struct{}
	err    error // valid once ended is closed
	sends  sync.Mutex
	stream grpc.BidiStreamingClient[agentv1.ConnectRequest, agentv1.ConnectResponse]
}

// Connect registers the cluster and returns once the control plane has welcomed
// the agent. The session lasts until Close or the end of ctx.
func Connect(ctx context.Context, config Config) (*Agent, error) {
	conn, err := grpc.NewClient(config.Address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)))
	if err != nil {
		return nil, fmt.Errorf("connect to the control plane: %w", err)
	}
	ctx, cancel := context.WithCancel(metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+config.Token))
	a := &Agent{config: config, conn: conn, cancel: cancel, ended: make(chan struct{})}
	if err := a.begin(ctx); err != nil {
		cancel()
		_ = conn.Close()
		return nil, fmt.Errorf("begin the agent's session: %w", err)
	}
	return a, nil
}

func (a *Agent) begin(ctx context.Context) error {
	var err error
	if a.stream, err = agentv1.NewFleetServiceClient(a.conn).Connect(ctx); err != nil {
		return err
	}
	if err := a.send(&agentv1.ConnectRequest{Message: &agentv1.ConnectRequest_Hello{Hello: &agentv1.Hello{
		Cluster:                   a.config.Cluster,
		ProcessId:                 "bench",
		AgentVersion:              "bench",
		KubernetesVersion:         "none",
		Namespaces:                &agentv1.NamespacesReport{Names: []string{a.config.Namespace}},
		CustomResourceDefinitions: []string{"flinkdeployments.flink.apache.org"},
	}}}); err != nil {
		return err
	}
	first, err := a.stream.Recv()
	if err != nil {
		return err
	}
	if first.GetWelcome() == nil {
		return fmt.Errorf("the first message is %T, not a welcome", first.GetMessage())
	}
	go a.run(ctx, first.GetWelcome().GetNextHeartbeat().AsDuration())
	return nil
}

// run answers the control plane until the session ends.
func (a *Agent) run(ctx context.Context, next time.Duration) {
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
			err = a.apply(m.Apply)
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

// apply acknowledges an object and reports its status.
func (a *Agent) apply(apply *agentv1.Apply) error {
	if err := a.send(&agentv1.ConnectRequest{Message: &agentv1.ConnectRequest_Ack{Ack: &agentv1.Ack{
		Ref: apply.GetRef(), OwnerUid: apply.GetOwnerUid(), Generation: apply.GetGeneration(),
		Hash: apply.GetHash(), Outcome: agentv1.Outcome_OUTCOME_APPLIED,
	}}}); err != nil || a.config.Status == nil {
		return err
	}
	status, err := a.config.Status(apply)
	if err != nil {
		return fmt.Errorf("make the status of %s: %w", apply.GetRef().GetName(), err)
	}
	return a.send(&agentv1.ConnectRequest{Message: &agentv1.ConnectRequest_Status{Status: &agentv1.StatusReport{
		Ref: apply.GetRef(), OwnerUid: apply.GetOwnerUid(), Generation: apply.GetGeneration(),
		ObjectGeneration: apply.GetGeneration(), ObjectUid: apply.GetOwnerUid(), Status: status,
	}}})
}

// send lets one message out at a time.
func (a *Agent) send(message *agentv1.ConnectRequest) error {
	a.sends.Lock()
	defer a.sends.Unlock()
	return a.stream.Send(message)
}

// Done is closed when the session has ended.
func (a *Agent) Done() <-chan struct{} { return a.ended }

// Close ends the session and returns what it failed with before, if anything.
func (a *Agent) Close() error {
	a.cancel()
	<-a.ended
	_ = a.conn.Close()
	if a.err != nil {
		return fmt.Errorf("the agent's session: %w", a.err)
	}
	return nil
}
