package process

import (
	"fmt"
	"net"
)

// FreeAddress finds an address of the loopback interface that nothing listens
// on. It is for programs that cannot tell which port they chose themselves.
func FreeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("look for a free port: %w", err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		return "", fmt.Errorf("give the port back: %w", err)
	}
	return address, nil
}
