package main

import (
	"errors"
	"fmt"
	"os"

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
		return seal.FromFile(path, false)
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
			file, err := os.OpenFile(args[0], os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
			if err != nil {
				return fmt.Errorf("keyset: %w", err)
			}
			_, err = file.Write(keyset)
			return errors.Join(err, file.Close())
		},
	}, &cobra.Command{
		Use:   "rotate FILE",
		Short: "Add a new key to a keyset file and use it for encryption",
		Long: "Adds a new key to the keyset and makes it the key that encrypts. Older keys are kept for decryption.\n" +
			"Restart all replicas of the control plane with the new file. Once all of them have read it, the leader\n" +
			"encrypts every secret with the new key.",
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			before, err := os.ReadFile(args[0])
			if err != nil {
				return fmt.Errorf("keyset: %w", err)
			}
			after, err := seal.Rotate(before)
			if err != nil {
				return err
			}
			// Written beside and renamed: half a keyset would lose every secret.
			beside := args[0] + ".new"
			if err := os.WriteFile(beside, after, 0o600); err != nil {
				return fmt.Errorf("keyset: %w", err)
			}
			return os.Rename(beside, args[0])
		},
	})
	return cmd
}
