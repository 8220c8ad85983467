package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

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
				service := cmfv1.NewAgentTokenServiceClient(conn)
				return printTable(cmd.OutOrStdout(), []string{"NAME", "CLUSTER", "EXPIRES", "USED"}, func(number, size int32) ([][]string, error) {
					page, err := service.ListAgentTokens(ctx, &cmfv1.ListAgentTokensRequest{Page: &number, Size: &size})
					var rows [][]string
					for _, token := range page.GetItems() {
						rows = append(rows, []string{
							token.GetMetadata().GetName(), token.GetSpec().GetKubernetesClusterName(),
							timeText(token.GetStatus().GetExpirationTimestamp()), timeText(token.GetStatus().GetUsedTimestamp()),
						})
					}
					return rows, err
				})
			})
		},
	}
	remove := deleteTokenCommand(&client, func(ctx context.Context, conn grpc.ClientConnInterface, name string) error {
		_, err := cmfv1.NewAgentTokenServiceClient(conn).DeleteAgentToken(ctx, &cmfv1.DeleteAgentTokenRequest{TokenName: name})
		return err
	})
	cmd.AddCommand(create, list, remove)
	return cmd
}
