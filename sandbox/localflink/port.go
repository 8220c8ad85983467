package localflink

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports are looked for in this range: it is below the one from which systems
// take the ports of outgoing connections, any of which could be in the way when
// the process gets to listening, seconds later.
const (
	firstPort = 20000
	lastPort  = 29999
)

// portTries is how many ports are tried until one is free.
const portTries = 100

// freePorts finds ports that nothing listens on, each another.
func freePorts() (ports, error) {
	var found ports
	for _, port := range []*int{&found.rest, &found.rpc, &found.gateway} {
		listener, err := freePort()
		if err != nil {
			return ports{}, err
		}
		// All are held until the last is found.
		defer listener.Close()
		*port = listener.Addr().(*net.TCPAddr).Port
	}
	return found, nil
}

func freePort() (listener net.Listener, err error) {
	for range portTries {
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		if listener, err = net.Listen("tcp", net.JoinHostPort(loopback, strconv.Itoa(port))); err == nil {
			return listener, nil
		}
	}
	return nil, fmt.Errorf("find a free port from %d to %d: %w", firstPort, lastPort, err)
}
