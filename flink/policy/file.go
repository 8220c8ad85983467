package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// ParseFile compiles the policies of a file of the agent:
//
//	policies:
//	  - name: registries
//	    kinds: [FlinkDeployment]
//	    validations:
//	      - expression: object.spec.image.startsWith('registry.example.com/')
//	        message: images have to be from registry.example.com
func ParseFile(text []byte) ([]*Policy, error) {
	var file struct {
		Policies []Definition `json:"policies"`
	}
	if err := yaml.UnmarshalStrict(text, &file); err != nil {
		return nil, fmt.Errorf("read policies: %w", err)
	}
	// An editor or a copy may empty the file before it writes it.
	if file.Policies == nil {
		return nil, errors.New("read policies: policies: is required")
	}
	var policies []*Policy
	var wrong []string
	seen := map[string]bool{}
	for i, d := range file.Policies {
		path := fmt.Sprintf("policies[%d].", i)
		switch {
		case d.Name == "":
			wrong = append(wrong, path+"name: must not be empty")
		case seen[d.Name]:
			wrong = append(wrong, fmt.Sprintf("%sname: there is another policy %q", path, d.Name))
		}
		seen[d.Name] = true
		if len(d.Kinds) == 0 {
			wrong = append(wrong, path+"kinds: must not be empty")
		}
		for _, kind := range d.Kinds {
			if !slices.Contains(Kinds, kind) {
				wrong = append(wrong, fmt.Sprintf("%skinds: must be among %s, got %q", path, strings.Join(Kinds, ", "), kind))
			}
		}
		if len(d.Validations) == 0 {
			wrong = append(wrong, path+"validations: must not be empty")
		}
		policy, problems := Compile(Agent, path, d)
		for _, problem := range problems {
			wrong = append(wrong, problem.Error())
		}
		policies = append(policies, policy)
	}
	if len(wrong) > 0 {
		return nil, fmt.Errorf("read policies: %s", strings.Join(wrong, "; "))
	}
	return policies, nil
}
