package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func machineTokenCommand() *cobra.Command {
	var client clientFlags
	cmd := &cobra.Command{
		Use:   "machine-token",
		Short: "Create, list and delete the tokens of programs",
		Long: "A machine token is a user of its own, User:machine:NAME, to whom role bindings give what the token allows.\n" +
			"It is for programs such as pipelines, which cannot log in.",
	}
	client.add(cmd)
	spec := &cmfv1.MachineTokenSpec{}
	var lifetime time.Duration
	create := &cobra.Command{
		Use:   "create NAME",
		Short: "Create a token, and print it",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("environments") && !slices.ContainsFunc(spec.Environments, func(name string) bool { return name != "" }) {
				return errors.New("--environments: must not be empty; leave it out for no limit")
			}
			spec.Lifetime = durationpb.New(lifetime)
			return client.call(cmd.Context(), func(ctx context.Context, conn grpc.ClientConnInterface) error {
				token, err := cmfv1.NewMachineTokenServiceClient(conn).CreateMachineToken(ctx, &cmfv1.CreateMachineTokenRequest{
					Token: &cmfv1.MachineToken{Metadata: &cmfv1.ObjectMeta{Name: args[0]}, Spec: spec},
				})
				if err != nil {
					return err
				}
				_, err = fmt.Fprintln(cmd.OutOrStdout(), token.GetStatus().GetToken())
				return err
			})
		},
	}
	create.Flags().DurationVar(&lifetime, "lifetime", 90*24*time.Hour, "how long the token can be used, at most 8760h")
	create.Flags().StringSliceVar(&spec.Environments, "environments", nil, "the only environments that the token can be used in, whatever role bindings allow (default: no limit)")
	list := &cobra.Command{
		Use:   "list",
		Short: "List the tokens, without their secrets",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return client.call(cmd.Context(), func(ctx context.Context, conn grpc.ClientConnInterface) error {
				service := cmfv1.NewMachineTokenServiceClient(conn)
				return printTable(cmd.OutOrStdout(), []string{"NAME", "PRINCIPAL", "EXPIRES", "ENVIRONMENTS"}, func(number, size int32) ([][]string, error) {
					page, err := service.ListMachineTokens(ctx, &cmfv1.ListMachineTokensRequest{Page: &number, Size: &size})
					var rows [][]string
					for _, token := range page.GetItems() {
						rows = append(rows, []string{
							token.GetMetadata().GetName(), token.GetStatus().GetPrincipal(),
							timeText(token.GetStatus().GetExpirationTimestamp()), cmp.Or(strings.Join(token.GetSpec().GetEnvironments(), ","), "all"),
						})
					}
					return rows, err
				})
			})
		},
	}
	remove := deleteTokenCommand(&client, func(ctx context.Context, conn grpc.ClientConnInterface, name string) error {
		_, err := cmfv1.NewMachineTokenServiceClient(conn).DeleteMachineToken(ctx, &cmfv1.DeleteMachineTokenRequest{MachineTokenName: name})
		return err
	})
	cmd.AddCommand(create, list, remove)
	return cmd
}
