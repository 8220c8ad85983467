package sql

// namedQuery is an element of WITH.
type namedQuery struct {
	name    string
	columns []string
	// query is nil while it is read, which only RECURSIVE can see.
	query *Query
}

// scope has the queries named by WITH that can be read at a place. Inner names
// hide outer ones.
type scope struct {
	names  []string
	byName map[string][]namedQuery
}

// enter begins an inner scope; leave ends it.
func (s *scope) enter() int { return len(s.names) }

// leave forgets the names since enter.
func (s *scope) leave(outer int) {
	for _, name := range s.names[outer:] {
		s.byName[name] = s.byName[name][:len(s.byName[name])-1]
	}
	s.names = s.names[:outer]
}

func (s *scope) add(named namedQuery) {
	if s.byName == nil {
		s.byName = map[string][]namedQuery{}
	}
	s.names = append(s.names, named.name)
	s.byName[named.name] = append(s.byName[named.name], named)
}

func (s *scope) find(name string) (namedQuery, bool) {
	all := s.byName[name]
	if len(all) == 0 {
		return namedQuery{}, false
	}
	return all[len(all)-1], true
}
