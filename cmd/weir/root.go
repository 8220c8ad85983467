package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/openweir/weir/control/resource/information"
)

// version and revision are set by the linker in a release.
var version, revision string

// buildVersion is the release, or else what the build recorded of the source.
func buildVersion() information.Version {
	out := information.Version{Version: version, Revision: revision}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return out
	}
	if out.Version == "" {
		out.Version = info.Main.Version
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" && out.Revision == "" {
			out.Revision = setting.Value
		}
	}
	return out
}

// output is the configuration of logging, from flags that every command has.
type output struct {
	level slog.Level
	json  bool
}

func (o *output) log(to io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: o.level}
	if o.json {
		return slog.New(slog.NewJSONHandler(to, options))
	}
	return slog.New(slog.NewTextHandler(to, options))
}

func rootCommand() *cobra.Command {
	var out output
	root := &cobra.Command{
		Use:           "weir",
		Short:         "One API over every Flink cluster a company runs",
		Long:          "Weir serves the REST API of Confluent Manager for Apache Flink, and the same API as gRPC,\nfor Flink on any number of Kubernetes clusters.",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.PersistentFlags().TextVar(&out.level, "log-level", slog.LevelInfo, "log level: debug, info, warn or error")
	root.PersistentFlags().BoolVar(&out.json, "log-json", false, "write the log as JSON")
	log := func() *slog.Logger { return out.log(os.Stderr) }
	root.AddCommand(devCommand(log), controlCommand(log), gatewayCommand(log), agentCommand(log), sandboxCommand(log),
		agentTokenCommand(), machineTokenCommand(), auditCommand(), keysetCommand(), backupCommand(), restoreCommand(), superviseCommand(), versionCommand())
	return root
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := buildVersion()
			_, err := fmt.Fprintln(cmd.OutOrStdout(), v.Version, v.Revision)
			return err
		},
	}
}
