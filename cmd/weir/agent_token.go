package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/durationpb"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// clientFlags say how to call the gRPC API.
type clientFlags struct{ control, caFile, token string }

func (c *clientFlags) add(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	f.StringVar(&c.control, "control", "127.0.0.1:9090", "address of the control plane's gRPC API")
	f.StringVar(&c.caFile, "tls-ca", "", "PEM file with the CA certificates that verify the certificate of the control plane; without it, the connection has no TLS")
	f.StringVar(&c.token, "token", "", "bearer token to authenticate with (default: the environment variable WEIR_TOKEN)")
}

// call makes calls over one connection.
func (c *clientFlags) call(ctx context.Context, do func(context.Context, grpc.ClientConnInterface) error) error {
	transport := insecure.NewCredentials()
	if c.caFile != "" {
		roots, err := readCAs("--tls-ca", c.caFile)
		if err != nil {
			return err
		}
		transport = credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots})
	}
	conn, err := grpc.NewClient(c.control, grpc.WithTransportCredentials(transport))
	if err != nil {
		return fmt.Errorf("--control: %w", err)
	}
	defer func() { _ = conn.Close() }()
	if token := cmp.Or(c.token, os.Getenv("WEIR_TOKEN")); token != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	}
	return do(ctx, conn)
}

func agentTokenCommand() *cobra.Command {
	var client clientFlags
	cmd := &cobra.Command{
		Use:   "agent-token",
		Short: "Create, list and delete the tokens that agents join with",
	}
	client.add(cmd)
	var (
		name     string
		lifetime time.Duration
	)
	create := &cobra.Command{
		Use:   "create CLUSTER",
		Short: "Create a token for the agent of a cluster, and print it",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return client.call(cmd.Context(), func(ctx context.Context, conn grpc.ClientConnInterface) error {
				token, err := cmfv1.NewAgentTokenServiceClient(conn).CreateAgentToken(ctx, &cmfv1.CreateAgentTokenRequest{Token: &cmfv1.AgentToken{
					Metadata: &cmfv1.ObjectMeta{Name: cmp.Or(name, args[0]+"-"+strings.ToLower(rand.Text()[:6]))},
					Spec:     &cmfv1.AgentTokenSpec{KubernetesClusterName: args[0], Lifetime: durationpb.New(lifetime)},
				}})
				if err != nil {
					return err
				}
				_, err = fmt.Fprintln(cmd.OutOrStdout(), token.GetStatus().GetToken())
				return err
			})
		},
	}
	create.Flags().StringVar(&name, "name", "", "name of the token (default: the cluster and a random suffix)")
	create.Flags().DurationVar(&lifetime, "lifetime", time.Hour, "how long the token can be used, at most 168h")
	list := &cobra.Command{
		Use:   "list",
		Short: "List the tokens, without their secrets",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return client.call(cmd.Context(), func(ctx context.Context, conn grpc.ClientConnInterface) error {
				size := int32(1000)
				page, err := cmfv1.NewAgentTokenServiceClient(conn).ListAgentTokens(ctx, &cmfv1.ListAgentTokensRequest{Size: &size})
				if err != nil {
					return err
				}
				table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
				_, _ = fmt.Fprintln(table, "NAME\tCLUSTER\tEXPIRES\tUSED")
				for _, token := range page.GetItems() {
					used := ""
					if at := token.GetStatus().GetUsedTimestamp(); at != nil {
						used = at.AsTime().Format(time.RFC3339)
					}
					_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", token.GetMetadata().GetName(), token.GetSpec().GetKubernetesClusterName(),
						token.GetStatus().GetExpirationTimestamp().AsTime().Format(time.RFC3339), used)
				}
				return table.Flush()
			})
		},
	}
	remove := &cobra.Command{
		Use:   "delete NAME",
		Short: "Delete a token, so that it can no longer be used",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return client.call(cmd.Context(), func(ctx context.Context, conn grpc.ClientConnInterface) error {
				_, err := cmfv1.NewAgentTokenServiceClient(conn).DeleteAgentToken(ctx, &cmfv1.DeleteAgentTokenRequest{TokenName: args[0]})
				return err
			})
		},
	}
	cmd.AddCommand(create, list, remove)
	return cmd
}
