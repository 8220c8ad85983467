package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/timestamppb"
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

// pageSize is how many resources are asked for at once.
const pageSize = 1000

// printTable prints the rows of all pages of a list.
func printTable(out io.Writer, columns []string, list func(page, size int32) (rows [][]string, err error)) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, strings.Join(columns, "\t"))
	for page := int32(0); ; page++ {
		rows, err := list(page, pageSize)
		if err != nil {
			return err
		}
		for _, row := range rows {
			_, _ = fmt.Fprintln(table, strings.Join(row, "\t"))
		}
		if len(rows) < pageSize {
			return table.Flush()
		}
	}
}

// timeText is empty for a time that is not set.
func timeText(at *timestamppb.Timestamp) string {
	if at == nil {
		return ""
	}
	return at.AsTime().Format(time.RFC3339)
}

// deleteTokenCommand is the command that deletes a token of some kind by its name.
func deleteTokenCommand(client *clientFlags, remove func(ctx context.Context, conn grpc.ClientConnInterface, name string) error) *cobra.Command {
	return &cobra.Command{
		Use:   "delete NAME",
		Short: "Delete a token, so that it can no longer be used",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return client.call(cmd.Context(), func(ctx context.Context, conn grpc.ClientConnInterface) error { return remove(ctx, conn, args[0]) })
		},
	}
}
