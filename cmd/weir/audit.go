package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/openweir/weir/control/audit"
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
	flags.Int64Var(&f.maxBytes, "audit-max-bytes", audit.DefaultMaxBytes, "size of the file of --audit from which it is replaced by a new one")
	flags.IntVar(&f.maxFiles, "audit-max-files", audit.DefaultMaxFiles, "number of files of --audit to keep")
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
	cmd := &cobra.Command{Use: "audit", Short: "Verify audit logs"}
	cmd.AddCommand(&cobra.Command{
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
