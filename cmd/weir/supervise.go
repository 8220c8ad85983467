package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/openweir/weir/sandbox/supervise"
)

// superviseName is the command under which the processes of a sandbox run.
const superviseName = "supervise"

func superviseCommand() *cobra.Command {
	return &cobra.Command{
		Use:    superviseName + " program arguments...",
		Short:  "Run a program until standard input is closed",
		Hidden: true,
		// All further arguments belong to the program.
		DisableFlagParsing: true,
		Run:                func(_ *cobra.Command, args []string) { os.Exit(supervise.Main(args)) }, //nolint:forbidigo // with the code that the program ended with
	}
}

// supervisor is the command line of the supervisor.
func supervisor() ([]string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the path of this executable: %w", err)
	}
	return []string{self, superviseName}, nil
}
