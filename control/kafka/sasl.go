package kafka

import (
	"errors"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// saslMechanism returns the SASL mechanism that the properties describe.
func saslMechanism(properties map[string]string) (sasl.Mechanism, error) {
	mechanism := strings.ToUpper(properties[propertyMechanism])
	switch mechanism {
	case "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512":
	case "":
		return nil, fmt.Errorf("property %s is required", propertyMechanism)
	default:
		return nil, fmt.Errorf("%s must be PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512, got %q", propertyMechanism, mechanism)
	}
	options, err := jaasOptions(properties[propertyJAAS])
	if err != nil {
		// The text contains a password, so no part of it is repeated.
		return nil, fmt.Errorf("%s: %w", propertyJAAS, err)
	}
	user, password := options["username"], options["password"]
	if user == "" {
		return nil, fmt.Errorf("%s has no username", propertyJAAS)
	}
	switch mechanism {
	case "SCRAM-SHA-256":
		return scram.Auth{User: user, Pass: password}.AsSha256Mechanism(), nil
	case "SCRAM-SHA-512":
		return scram.Auth{User: user, Pass: password}.AsSha512Mechanism(), nil
	default:
		return plain.Auth{User: user, Pass: password}.AsMechanism(), nil
	}
}

var errJAAS = errors.New(`it must be of the form Class required name="value" ...;`)

// jaasOptions reads the options of a JAAS configuration of one login module:
//
//	Class required username="a" password="b";
func jaasOptions(text string) (map[string]string, error) {
	text = strings.TrimSuffix(strings.TrimSpace(text), ";")
	_, text, found := strings.Cut(text, " ")
	_, text, flagged := strings.Cut(strings.TrimLeft(text, " \t\n"), " ")
	if !found || !flagged {
		return nil, errJAAS
	}
	options := map[string]string{}
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		name, rest, found := strings.Cut(text, "=")
		if !found {
			return nil, errJAAS
		}
		value, behind, err := jaasValue(strings.TrimSpace(rest))
		if err != nil {
			return nil, err
		}
		options[strings.TrimSpace(name)], text = value, behind
	}
	return options, nil
}

// jaasValue reads a word or a quoted string, in which a backslash escapes the next
// character.
func jaasValue(text string) (value, behind string, err error) {
	if text == "" {
		return "", "", errJAAS
	}
	quote := text[0]
	if quote != '"' && quote != '\'' {
		value, behind, _ = strings.Cut(text, " ")
		return value, behind, nil
	}
	var out strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == quote:
			return out.String(), text[i+1:], nil
		case text[i] == '\\' && i+1 < len(text):
			i++
		}
		out.WriteByte(text[i])
	}
	return "", "", errJAAS
}
