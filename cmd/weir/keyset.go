package main

import (
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/openweir/weir/control/seal"
)

// keysetVariable may hold the keyset itself, for platforms that hand secrets to
// processes that way.
const keysetVariable = "WEIR_KEYSET"

// openKeyset reads the keyset from the file, or from the environment. Neither
// means no keys, with which secrets cannot be stored.
func openKeyset(path string) (*seal.Keys, error) {
	if path != "" {
		keys, err := seal.FromFile(path, false)
		if err != nil {
			return nil, fmt.Errorf("--keyset %s: %w", path, err)
		}
		return keys, nil
	}
	if text := os.Getenv(keysetVariable); text != "" {
		keys, err := seal.Parse([]byte(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", keysetVariable, err)
		}
		return keys, nil
	}
	return nil, nil
}

func keysetCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keyset",
		Short: "Create and rotate the keys that encrypt secrets",
		Long: "A keyset is a file of keys. The primary key encrypts, and all of them decrypt. To replace the primary key:\n" +
			"add a key and restart all replicas of the control plane with the new file; then promote the key and restart\n" +
			"them again; and when the values are encrypted with it, drop the old key.",
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "new FILE",
		Short: "Create a keyset file with one new key",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			keyset, err := seal.Generate()
			if err != nil {
				return err
			}
			return seal.CreateFile(args[0], keyset)
		},
	}, &cobra.Command{
		Use:   "list FILE",
		Short: "List the keys of a keyset file",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := os.ReadFile(args[0])
			if err != nil {
				return fmt.Errorf("keyset: %w", err)
			}
			return printKeys(cmd.OutOrStdout(), args[0], text)
		},
	}, &cobra.Command{
		Use:   "add FILE",
		Short: "Add a new key to a keyset file, which decrypts only until it is promoted",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return editKeyset(cmd.OutOrStdout(), args[0], seal.Add)
		},
	}, &cobra.Command{
		Use:   "promote FILE KEY",
		Short: "Make a key the primary one, which encrypts",
		Long: "Makes a key of the keyset the primary one, which encrypts. All replicas must have the key already: those that\n" +
			"lack it cannot decrypt what the others encrypt with it, and are not ready. The leader encrypts every value again.",
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return editKey(cmd.OutOrStdout(), args, seal.Promote)
		},
	}, &cobra.Command{
		Use:   "drop FILE KEY",
		Short: "Remove a key that is not the primary one",
		Long: "Removes a key from the keyset. While etcd has values that are encrypted with it, replicas do not start with\n" +
			"the new file, and say so.",
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return editKey(cmd.OutOrStdout(), args, seal.Drop)
		},
	})
	return cmd
}

func printKeys(out io.Writer, path string, keyset []byte) error {
	keys, err := seal.List(keyset)
	if err != nil {
		return fmt.Errorf("keyset %s: %w", path, err)
	}
	for _, key := range keys {
		role := "decrypts"
		if key.Primary {
			role = "primary"
		}
		if _, err := fmt.Fprintf(out, "%d\t%s\n", key.ID, role); err != nil {
			return err
		}
	}
	return nil
}

// editKey changes a keyset file; args are the file and the id of a key.
func editKey(out io.Writer, args []string, change func(keyset []byte, id uint32) ([]byte, error)) error {
	id, err := strconv.ParseUint(args[1], 10, 32)
	if err != nil {
		return fmt.Errorf("key %q: must be an id as in weir keyset list", args[1])
	}
	return editKeyset(out, args[0], func(keyset []byte) ([]byte, error) { return change(keyset, uint32(id)) })
}

// editKeyset changes a keyset file and prints its keys.
func editKeyset(out io.Writer, path string, change func(keyset []byte) ([]byte, error)) error {
	before, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("keyset: %w", err)
	}
	after, err := change(before)
	if err != nil {
		return fmt.Errorf("keyset %s: %w", path, err)
	}
	if err := seal.WriteFile(path, after); err != nil {
		return err
	}
	return printKeys(out, path, after)
}
