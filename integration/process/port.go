package process

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// The ports of FreeAddress are below those that Linux gives to connections and to
// listeners that leave the choice to it. Otherwise another process could be given
// one before the program listens on it.
const firstPort, lastPort = 20000, 32767

// FreeAddress finds an address of the loopback interface that nothing listens
// on. It is for programs that cannot tell which port they chose themselves.
func FreeAddress() (string, error) {
	var err error
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", firstPort+rand.IntN(lastPort-firstPort+1))
		var l net.Listener
		if l, err = net.Listen("tcp", address); err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			return "", fmt.Errorf("give the port back: %w", err)
		}
		return address, nil
	}
	return "", fmt.Errorf("look for a free port: %w", err)
}
