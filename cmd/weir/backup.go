package main

import (
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/openweir/weir/control"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/store/backup"
	"github.com/openweir/weir/control/store/embedded"
)

func backupCommand() *cobra.Command {
	var etcd store.DialConfig
	var dir, out string
	cmd := &cobra.Command{
		Use:   "backup",
		Short: "Save the state of a running control plane to a file",
		Long: "Saves a consistent snapshot of etcd to a new file, while the control plane runs: of an external cluster\n" +
			"(--etcd-endpoints), or of the etcd embedded in a control plane on this machine (--etcd-dir). The file ends\n" +
			"with a hash, and is checked before the command succeeds. Secrets in it are encrypted as they are in etcd:\n" +
			"keep the keyset (see weir keyset) elsewhere.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dir != "" {
				endpoint, err := backupEndpoint(dir)
				if err != nil {
					return err
				}
				etcd.Endpoints = []string{endpoint}
			}
			return runBackup(cmd, etcd, out)
		},
	}
	f := cmd.Flags()
	f.StringVar(&dir, "etcd-dir", "", "data directory of the etcd embedded in a running control plane, as in weir control --etcd-dir")
	addEtcdFlags(cmd, &etcd)
	f.StringVar(&out, "out", "", "file to write; it must not exist")
	_ = cmd.MarkFlagRequired("out")
	return cmd
}

func runBackup(cmd *cobra.Command, etcd store.DialConfig, out string) error {
	client, err := dialEtcd(etcd)
	if err != nil {
		return err
	}
	defer client.Close()
	info, err := backup.Save(cmd.Context(), client, out)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %d keys, revision %d, %d bytes, SHA-256 of the content %s\n", out, info.Keys, info.Revision, info.Size, info.SHA256)
	return err
}

func restoreCommand() *cobra.Command {
	var dir string
	var member backup.Member
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Make a data directory of etcd from a backup",
		Long: "Makes a data directory of etcd from a file that weir backup has saved: of the etcd embedded in a control\n" +
			"plane, or with --name, of one member of an external cluster. Start etcd with that directory, and then the\n" +
			"control plane. What clusters have that is newer than the backup is left as it is and reported.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			data, of := dir, member
			if member.Name == "" {
				data, of = embedded.DataDir(dir), embedded.Member()
			}
			revision, err := control.Restore(cmd.Context(), args[0], data, of)
			if err != nil {
				return err
			}
			next := "Start the control plane with --etcd-dir " + dir + "."
			if member.Name != "" {
				next = "Restore the other members from the same file, and start etcd with the same --name, --initial-cluster, --initial-cluster-token and\n" +
					"--initial-advertise-peer-urls, and --data-dir " + dir + ". Then start the control plane with --etcd-endpoints."
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is restored to %s, and continues from revision %d.\n%s\n", args[0], data, revision, next)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&dir, "data-dir", "", "directory to create: that of weir control --etcd-dir, or with --name, that of etcd --data-dir")
	f.StringVar(&member.Name, "name", "", "name of the member of an external etcd, such as etcd-0")
	f.StringVar(&member.PeerURL, "initial-advertise-peer-urls", "", "peer URL of the member, such as https://etcd-0:2380")
	f.StringVar(&member.Cluster, "initial-cluster", "", "all members of the cluster, such as etcd-0=https://etcd-0:2380,etcd-1=https://etcd-1:2380")
	f.StringVar(&member.Token, "initial-cluster-token", embedded.Member().Token, "token of the cluster")
	_ = cmd.MarkFlagRequired("data-dir")
	cmd.MarkFlagsRequiredTogether("name", "initial-advertise-peer-urls", "initial-cluster")
	return cmd
}

// maxSocket is the longest path of a socket, in bytes.
const maxSocket = 107

// socketOf is the path of the socket that an embedded etcd with a data directory
// serves `weir backup` on.
func socketOf(dir string) (string, error) {
	path, err := filepath.Abs(filepath.Join(dir, "etcd.sock"))
	if err != nil {
		return "", fmt.Errorf("--etcd-dir: %w", err)
	}
	if len(path) > maxSocket {
		return "", fmt.Errorf("--etcd-dir: %s is longer than the %d bytes that the path of a socket may have", path, maxSocket)
	}
	return path, nil
}

// backupListener is where an embedded etcd listens for `weir backup`; empty if it
// cannot.
func backupListener(dir string, log *slog.Logger) string {
	path, err := socketOf(dir)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		log.Warn("weir backup will not work", "error", err)
		return ""
	}
	return "unix:" + path
}

// backupEndpoint is the endpoint of the embedded etcd that runs with a data directory.
func backupEndpoint(dir string) (string, error) {
	path, err := socketOf(dir)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("--etcd-dir: no control plane runs with this directory: %w", err)
	}
	return (&url.URL{Scheme: "unix", Path: path}).String(), nil
}
