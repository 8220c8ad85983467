package main

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/openweir/weir/control/access"
	"github.com/openweir/weir/control/access/authentication"
)

// noAuth is the value of --auth with which nobody is authenticated.
const noAuth = "none"

// openAuth returns what authenticates callers as --auth says, and the files with the
// CA certificates that sign those of users.
func openAuth(flag string, log *slog.Logger) (access.Authenticate, []string, error) {
	switch flag {
	case "":
		return nil, nil, errors.New("--auth is required: the path of a configuration file, see docs/security.md, or none, with which everybody who can connect is an administrator")
	case noAuth:
		log.Warn("callers are not authenticated: everybody who can connect is an administrator (--auth none)")
		return access.AllowAnonymous, nil, nil
	}
	config, err := authentication.ReadConfig(flag)
	if err != nil {
		return nil, nil, fmt.Errorf("--auth: %w", err)
	}
	authenticator, err := authentication.New(config, log)
	if err != nil {
		return nil, nil, fmt.Errorf("--auth: %s: %w", flag, err)
	}
	return authenticator.Authenticate, config.ClientCAs(), nil
}
