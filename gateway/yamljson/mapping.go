package yamljson

import "go.yaml.in/yaml/v3"

// entry is one member of the object that a mapping becomes.
type entry struct {
	key    string
	value  *yaml.Node
	merged bool
}

// entries gives the members of a mapping, those of merge keys (<<) after its
// own, which win over them.
func (w *writer) entries(n *yaml.Node, depth int) ([]entry, error) {
	if err := checkTag(n, "!!map"); err != nil {
		return nil, err
	}
	entries := make([]entry, 0, len(n.Content)/2)
	seen := make(map[string]bool, len(n.Content)/2)
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if isMerge(k) {
			merges = append(merges, v)
			continue
		}
		key, err := w.key(k)
		if err != nil {
			return nil, err
		}
		if seen[key] {
			return nil, at(k, "the key %q is duplicated", key)
		}
		seen[key] = true
		entries = append(entries, entry{key: key, value: v})
	}
	for _, m := range merges {
		merged, err := w.merge(m, depth)
		if err != nil {
			return nil, err
		}
		for _, e := range merged {
			if !seen[e.key] {
				seen[e.key] = true
				entries = append(entries, entry{key: e.key, value: e.value, merged: true})
			}
		}
	}
	return entries, nil
}

func isMerge(k *yaml.Node) bool {
	return k.Kind == yaml.ScalarNode && k.Value == "<<" && k.Tag == "!!merge"
}

// merge gives the members that the value of a merge key stands for: those of
// one mapping, or of several, of which earlier ones win.
func (w *writer) merge(v *yaml.Node, depth int) ([]entry, error) {
	if depth++; depth > w.limits.Depth {
		return nil, at(v, "its merge keys are nested too deeply")
	}
	w.aliases++
	defer func() { w.aliases-- }()
	if err := w.charge(v); err != nil {
		return nil, err
	}
	switch target := follow(v); target.Kind {
	case yaml.MappingNode:
		w.expanded += len(target.Content)
		return w.entries(target, depth)
	case yaml.SequenceNode:
		var all []entry
		for _, item := range target.Content {
			if follow(item).Kind != yaml.MappingNode {
				return nil, at(item, "a merge key takes mappings only")
			}
			some, err := w.merge(item, depth)
			if err != nil {
				return nil, err
			}
			all = append(all, some...)
		}
		return all, nil
	}
	return nil, at(v, "a merge key takes mappings only")
}

func follow(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// key gives a mapping's key as the string that it is in JSON. Like Kubernetes
// it takes numbers and booleans for their text.
func (w *writer) key(k *yaml.Node) (string, error) {
	if err := w.charge(k); err != nil {
		return "", err
	}
	target := follow(k)
	if target.Kind != yaml.ScalarNode {
		return "", at(k, "a key must be a string")
	}
	s, err := resolve(target)
	if err != nil {
		return "", err
	}
	if s.kind == null {
		return "", at(k, "a key must not be null")
	}
	return s.text, nil
}
