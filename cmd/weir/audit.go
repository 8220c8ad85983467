package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"github.com/openweir/weir/control/audit"
	"github.com/openweir/weir/gateway/codec"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// auditFlags are the flags of the audit log.
type auditFlags struct {
	to       string
	required bool
	maxBytes int64
	maxFiles int
}

func (f *auditFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.to, "audit", "", "where to record every change of the API (see docs/audit.md): the path of a file, or stdout; empty to disable")
	flags.BoolVar(&f.required, "audit-required", false, "refuse changes that cannot be recorded; if false, they are carried out and the failure is logged")
	flags.Int64Var(&f.maxBytes, "audit-max-bytes", audit.DefaultMaxBytes, "size of the file of --audit in bytes, from which it is replaced by a new one; 0 means the default")
	flags.IntVar(&f.maxFiles, "audit-max-files", audit.DefaultMaxFiles, "number of files of --audit to keep, at least 2; 0 means the default")
}

// open opens the audit log; nil if there is none.
func (f *auditFlags) open(replica string, log *slog.Logger) (opened *audit.Log, closeLog func(), err error) {
	if f.to == "" {
		if f.required {
			return nil, nil, errors.New("--audit-required needs --audit")
		}
		return nil, func() {}, nil
	}
	config := audit.Config{Path: f.to, MaxBytes: f.maxBytes, MaxFiles: f.maxFiles, Required: f.required, Replica: replica, Log: log}
	if f.to == "stdout" {
		config.Path, config.Output = "", os.Stdout
	}
	opened, err = audit.Open(config)
	if err != nil {
		return nil, nil, fmt.Errorf("--audit: %w", err)
	}
	return opened, func() {
		if err := opened.Close(); err != nil {
			log.Error("the audit log could not be closed", "error", err)
		}
	}, nil
}

func auditCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "Read, follow and verify audit logs"}
	cmd.AddCommand(auditReadCommand(), auditFollowCommand(), &cobra.Command{
		Use:   "verify FILE...",
		Short: "Verify that no record of an audit log was changed or removed",
		Long: "Verifies the chain of hashes through the files of one audit log, in any order, and fails with the first line\n" +
			"that does not follow from the one before it. The records before the first one may have been removed with\n" +
			"old files. Nothing vouches for the last record: keep the hash that is printed elsewhere, and compare.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			report, err := audit.Verify(args...)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d records, from %d to %d, SHA-256 of the last %s, %d changes without an outcome\n",
				report.Records, report.First, report.Last, report.Hash, report.Unfinished)
			return err
		},
	})
	return cmd
}

// auditSelection are the flags that select records.
type auditSelection struct {
	client                                                    clientFlags
	after, caller, method, kind, environment, resource, since string
}

func (f *auditSelection) add(cmd *cobra.Command) {
	f.client.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.after, "after", "", "begin after this record, given as replica:sequence (default: the oldest one that is kept)")
	flags.StringVar(&f.caller, "caller", "", "only records of this caller, such as User:alice")
	flags.StringVar(&f.method, "method", "", "only records of this method, such as DeleteApplication")
	flags.StringVar(&f.kind, "resource-type", "", "only records about resources of this type, such as FlinkApplication")
	flags.StringVar(&f.environment, "resource-environment", "", "only records about resources in this environment")
	flags.StringVar(&f.resource, "resource-name", "", "only records about resources of this name")
	flags.StringVar(&f.since, "since", "", "only records from this time on, in RFC 3339")
}

func auditReadCommand() *cobra.Command {
	var selection auditSelection
	var until string
	cmd := &cobra.Command{
		Use:   "read",
		Short: "Print the audit log of a replica, a line of JSON for each record",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return selection.client.call(cmd.Context(), func(ctx context.Context, conn grpc.ClientConnInterface) error {
				request := &cmfv1.ListAuditRecordsRequest{
					Cursor: selection.after, Caller: selection.caller, Method: selection.method, ResourceType: selection.kind,
					ResourceEnvironment: selection.environment, ResourceName: selection.resource, Since: selection.since, Until: until,
				}
				for {
					page, err := cmfv1.NewAuditServiceClient(conn).ListAuditRecords(ctx, request)
					if err != nil {
						return err
					}
					for _, record := range page.GetItems() {
						if err := printRecord(cmd.OutOrStdout(), record); err != nil {
							return err
						}
					}
					if page.GetEnd() {
						return nil
					}
					request.Cursor = page.GetCursor()
				}
			})
		},
	}
	selection.add(cmd)
	cmd.Flags().StringVar(&until, "until", "", "only records before this time, in RFC 3339")
	return cmd
}

func auditFollowCommand() *cobra.Command {
	var selection auditSelection
	cmd := &cobra.Command{
		Use:   "follow",
		Short: "Print the audit log of a replica, and then every record that is written",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return selection.client.call(cmd.Context(), func(ctx context.Context, conn grpc.ClientConnInterface) error {
				stream, err := cmfv1.NewAuditServiceClient(conn).WatchAuditRecords(ctx, &cmfv1.WatchAuditRecordsRequest{
					ResourceVersion: selection.after, Caller: selection.caller, Method: selection.method, ResourceType: selection.kind,
					ResourceEnvironment: selection.environment, ResourceName: selection.resource, Since: selection.since,
				})
				if err != nil {
					return err
				}
				for {
					response, err := stream.Recv()
					switch {
					case ctx.Err() != nil: // interrupted
						return nil
					case err != nil:
						return err
					case response.GetObject() != nil:
						if err := printRecord(cmd.OutOrStdout(), response.GetObject()); err != nil {
							return err
						}
					}
				}
			})
		},
	}
	selection.add(cmd)
	return cmd
}

func printRecord(out io.Writer, record *cmfv1.AuditRecord) error {
	line, err := codec.AppendItem(nil, record)
	if err != nil {
		return fmt.Errorf("print a record: %w", err)
	}
	_, err = fmt.Fprintf(out, "%s\n", line)
	return err
}
