package driver

// mode says whether the driver may change the cluster.
type mode int

const (
	// waiting: no session has begun since the process was started. It is not known
	// then whether another agent has taken over in the meantime.
	waiting mode = iota
	// active: a session has begun. Its end does not end the mode.
	active
	// decommissioned: the control plane has taken the cluster out of service.
	decommissioned
	// superseded: a newer session of the same cluster has fenced off this agent.
	superseded
)

// session is the state of the exchange with the control plane. Its invariants:
//   - hellos counts the Hellos of this process, and number is the Hello that the
//     latest session was welcomed for, so number <= hellos. Both only grow.
//   - syncing is true from Welcome until Synced or the end of the session, and
//     only in mode active.
//   - epoch is zero until the first Welcome. Objects that bear a higher epoch
//     belong to a newer session and are not written.
//   - installation is that of the latest Welcome, empty if the control plane names
//     none.
type session struct {
	mode         mode
	installation string
	epoch        int64
	hellos       int64
	number       int64
	syncing      bool
	// kinds and namespaces are what the latest Hello listed; kinds is nil before.
	kinds      map[*kind]bool
	namespaces []string
}

// describe starts a Hello and returns its number.
func (s *session) describe(kinds map[*kind]bool, namespaces []string) int64 {
	s.hellos++
	s.kinds, s.namespaces = kinds, namespaces
	return s.hellos
}

// welcome begins the session of the latest Hello.
func (s *session) welcome(installation string, epoch int64, isDecommissioned bool) {
	s.installation, s.epoch, s.number = installation, epoch, s.hellos
	s.mode, s.syncing = active, true
	if isDecommissioned {
		s.decommission()
	}
}

func (s *session) decommission() { s.mode, s.syncing = decommissioned, false }

// disconnect ends the session.
func (s *session) disconnect(isSuperseded bool) {
	s.syncing = false
	if isSuperseded {
		s.mode = superseded
	}
}
