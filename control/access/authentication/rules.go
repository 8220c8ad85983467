package authentication

import (
	"crypto/x509"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// rules make a user's name of the distinguished name in a certificate, as
// ssl.principal.mapping.rules of Kafka do. The first one that matches counts.
type rules []rule

// rule is RULE:pattern/replacement/[LU]. The pattern has to match the whole name.
type rule struct {
	pattern     *regexp.Regexp // nil for DEFAULT, which takes the whole name
	replacement string         // as in Regexp.Expand
	fold        func(string) string
}

// parseRules reads rules; none means DEFAULT.
func parseRules(texts []string) (rules, error) {
	if len(texts) == 0 {
		texts = []string{"DEFAULT"}
	}
	var out rules
	for i, text := range texts {
		parsed, err := parseRule(text)
		if err != nil {
			return nil, fmt.Errorf("rule %d, %q: %w", i+1, text, err)
		}
		out = append(out, parsed)
	}
	return out, nil
}

// reference is a reference to a group in a replacement: $1.
var reference = regexp.MustCompile(`\$([0-9]+)`)

func parseRule(text string) (rule, error) {
	if text == "DEFAULT" {
		return rule{}, nil
	}
	body, ok := strings.CutPrefix(text, "RULE:")
	if !ok {
		return rule{}, errors.New("must be DEFAULT or RULE:pattern/replacement/[LU]")
	}
	parts := splitUnescaped(body)
	if len(parts) != 3 {
		return rule{}, errors.New("must be RULE:pattern/replacement/[LU]; write a slash in the pattern as \\/")
	}
	pattern, err := regexp.Compile("^(?:" + parts[0] + ")$")
	if err != nil {
		return rule{}, fmt.Errorf("pattern: %w", err)
	}
	out := rule{pattern: pattern, replacement: reference.ReplaceAllString(parts[1], "$${$1}")}
	switch parts[2] {
	case "":
		out.fold = func(s string) string { return s }
	case "L":
		out.fold = strings.ToLower
	case "U":
		out.fold = strings.ToUpper
	default:
		return rule{}, errors.New("must end with /, /L or /U")
	}
	return out, nil
}

// splitUnescaped splits at slashes that no backslash precedes, and takes the
// backslashes before the others away.
func splitUnescaped(text string) []string {
	var parts []string
	var part strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text):
			if i++; text[i] != '/' {
				part.WriteByte('\\')
			}
			part.WriteByte(text[i])
		case text[i] == '/':
			parts = append(parts, part.String())
			part.Reset()
		default:
			part.WriteByte(text[i])
		}
	}
	return append(parts, part.String())
}

func (r rules) apply(certificate *x509.Certificate) (string, error) {
	name, err := subject(certificate)
	if err != nil {
		return "", err
	}
	for _, rule := range r {
		if rule.pattern == nil {
			return name, nil
		}
		if match := rule.pattern.FindStringSubmatchIndex(name); match != nil {
			return rule.fold(string(rule.pattern.ExpandString(nil, rule.replacement, name, match))), nil
		}
	}
	return "", fmt.Errorf("no rule matches the subject %q", name)
}
